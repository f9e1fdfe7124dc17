//! Reads of one event, in the cells that may hold it.

use std::sync::Arc;

use cellstack_core::limits::RETRY_AFTER_DOWN;
use cellstack_core::registry::CellRecord;
use cellstack_core::{Clock, Entropy, EventId, EventRecord, EventStatus, TenantId};

use super::marked;
use crate::cell::{Cell, CellError};
use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::problem::{Kind, Problem};
use crate::routing::{Located, LookupError, Other, RouteSource};

/// An event, and the cell that has it.
pub(super) struct Found<A> {
    pub(super) record: EventRecord,
    pub(super) cell: Arc<Cell<A>>,
}

/// A reason why a cell could not be read for an event.
enum Unseen {
    /// The tenant's cell is marked, and must not be read.
    Marked(CellRecord),
    /// The standby must not be read.
    StandbyAway,
    Standby(LookupError),
    Cell(CellError),
}

impl Unseen {
    /// Returns whether the event is stored, in a form that can't be read.
    const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Cell(error) if error.is_unreadable())
    }
}

impl From<Unseen> for Problem {
    fn from(unseen: Unseen) -> Self {
        match unseen {
            Unseen::Marked(cell) => marked(&cell),
            Unseen::StandbyAway => {
                Self::lasting("The cell that may hold the event must not be read just now.", RETRY_AFTER_DOWN)
            }
            Unseen::Standby(error) => error.into(),
            Unseen::Cell(error) => error.into(),
        }
    }
}

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Reads an event. One that an old route does not lead to may be in the cell that the map names now. If the map
    /// can't be read, the result of the known cell counts: within the lease no other cell has become the tenant's.
    pub(super) async fn read_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        context: &mut RequestContext,
    ) -> Result<Found<A>, Problem> {
        let located = self.locator.locate(tenant, |_| false, context).await?;
        let mut found = self.find(&located, id, context).await?;
        let moved_on = found.as_ref().is_none_or(|found| found.record.status == EventStatus::Carried);
        if moved_on && located.resolved.source == RouteSource::Cache {
            match self.locator.refresh(tenant, context).await {
                Ok(now) if now.route().cell_id != located.route().cell_id => {
                    found = self.find(&now, id, context).await?.or(found);
                }
                Err(error) if !error.is_unavailable() => return Err(error.into()),
                Ok(_) | Err(_) => {}
            }
        }
        found.ok_or_else(|| Problem::new(Kind::UnknownEvent, format!("Tenant {tenant} has no event {id}.")))
    }

    /// Looks for an event in the tenant's cell and then in its standby.
    async fn find(
        &self,
        located: &Located,
        id: EventId,
        context: &mut RequestContext,
    ) -> Result<Option<Found<A>>, Unseen> {
        context.standby = None;
        let tenant = &located.route().tenant_id;
        let at_home = match self.locator.readable_home(located) {
            Some(home) => event_in(home, tenant, id).await,
            None => Err(Unseen::Marked(located.home.clone())),
        };
        let at_home = match at_home {
            Ok(None) => Ok(()),
            // The standby may have the event, even if the cell that was down fails.
            Err(unseen) if !unseen.is_unreadable() && self.standby.may_have_events(&located.home) => Err(unseen),
            found => return found,
        };
        let there = match self.locator.standby(located.route()).await {
            Ok(Other::Serves(standby)) => event_in(standby, tenant, id).await,
            Ok(Other::None) => Ok(None),
            Ok(Other::Away) => Err(Unseen::StandbyAway),
            Err(error) => Err(Unseen::Standby(error)),
        };
        match (at_home, there) {
            (_, Ok(Some(found))) => {
                context.standby.clone_from(&located.route().standby_cell_id);
                Ok(Some(found))
            }
            (_, Err(unseen)) if unseen.is_unreadable() => Err(unseen),
            (Err(unseen), _) => Err(unseen),
            (Ok(()), Err(unseen)) if self.standby.may_have_events(&located.home) => Err(unseen),
            // A standby that can't be read has nothing: the tenant's cell was not down, or all is home.
            (Ok(()), Ok(None) | Err(_)) => Ok(None),
        }
    }
}

async fn event_in<A: Clock>(cell: Arc<Cell<A>>, tenant: &TenantId, id: EventId) -> Result<Option<Found<A>>, Unseen> {
    let record = cell.event(tenant, id).await.map_err(Unseen::Cell)?;
    Ok(record.map(|record| Found { record, cell }))
}

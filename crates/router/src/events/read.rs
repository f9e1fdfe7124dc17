//! Finding one event.

use std::sync::Arc;

use cellstack_core::{Ambient, EventId, EventRecord, EventStatus, TenantId};

use super::{Located, Other};
use crate::cell::Cell;
use crate::handler::Router;
use crate::problem::{Kind, Problem};
use crate::resolve::RouteSource;
use crate::visit::Visit;

/// An event, and the cell that has it.
pub(super) struct Found<A> {
    pub(super) record: EventRecord,
    pub(super) cell: Arc<Cell<A>>,
}

impl<A: Ambient + Clone> Router<A> {
    /// An event that an old route does not lead to may be where the map says now. Where that can't be read, what the
    /// tenant's cell says counts: within the lease no other has become its owner.
    pub(super) async fn read_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        visit: &mut Visit,
    ) -> Result<Found<A>, Problem> {
        let located = self.locate(tenant, |_| false, visit).await?;
        let mut found = self.find(&located, id, visit).await?;
        let moved_on = found.as_ref().is_none_or(|found| found.record.status == EventStatus::Carried);
        if moved_on && located.resolved.source == RouteSource::Cache {
            match self.refresh(tenant, visit).await {
                Ok(now) if now.route().cell_id != located.route().cell_id => {
                    found = self.find(&now, id, visit).await?.or(found);
                }
                Err(problem) if problem.kind != Kind::Unavailable => return Err(problem),
                Ok(_) | Err(_) => {}
            }
        }
        found.ok_or_else(|| Problem::new(Kind::UnknownEvent, format!("Tenant {tenant} has no event {id}.")))
    }

    /// Looks for an event in the tenant's cell and then in its standby.
    async fn find(&self, located: &Located, id: EventId, visit: &mut Visit) -> Result<Option<Found<A>>, Problem> {
        visit.standby = None;
        let tenant = &located.route().tenant_id;
        let at_home = match self.readable_home(located) {
            Some(home) => event_in(home, tenant, id).await,
            None => Err(located.marked()),
        };
        let at_home = match at_home {
            Ok(None) => Ok(()),
            // The standby may have it, whatever ails the cell that was down.
            Err(problem) if problem.kind != Kind::UnreadableEvent && located.home.was_down() => Err(problem),
            found => return found,
        };
        let there = match self.standby(located.route()).await {
            Ok(Other::Serves(standby)) => event_in(standby, tenant, id).await,
            Ok(Other::None) => Ok(None),
            Ok(Other::Away) => Err(Problem::lasting("The cell that may hold the event must not be read just now.")),
            Err(problem) => Err(problem),
        };
        match (at_home, there) {
            (_, Ok(Some(found))) => {
                visit.standby.clone_from(&located.route().standby_cell_id);
                Ok(Some(found))
            }
            (_, Err(problem)) if problem.kind == Kind::UnreadableEvent => Err(problem),
            (Err(problem), _) => Err(problem),
            (Ok(()), Err(problem)) if located.home.was_down() => Err(problem),
            // Nothing was ever sent to a standby that can't be asked.
            (Ok(()), Ok(None) | Err(_)) => Ok(None),
        }
    }
}

async fn event_in<A: Ambient>(cell: Arc<Cell<A>>, tenant: &TenantId, id: EventId) -> Result<Option<Found<A>>, Problem> {
    let record = cell.event(tenant, id).await?;
    Ok(record.map(|record| Found { record, cell }))
}

//! `POST /v1/events`.

use cellstack_aws::FailureKind;
use cellstack_core::fence::FenceState;
use cellstack_core::limits::{FENCED_LOOK, FENCED_WAIT};
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::registry::CellStatus;
use cellstack_core::{Clock, Entropy, EventRecord, EventStatus, NewEvent, RouteState, TenantId};
use lambda_http::{Body, Response};
use tokio::time::Instant;

use super::marked;
use crate::cell::{Cell, CellError, Guard, Written};
use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::problem::{Kind, Problem};
use crate::http::response;
use crate::metrics::Metric;
use crate::routing::failover::{Standby, Taker};
use crate::routing::{Located, LookupError, Other, Resolved, RouteSource};

/// The outcome of one try to write an event.
enum Attempt {
    Done(Written),
    /// The tenant's own cell failed. The event may have landed there.
    HomeFailed(CellError),
}

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Writes the event into the cell that takes its tenant's events. After a fence's refusal, and after a failure of a
    /// cell that turns out to be marked down, the route is read again and the write tried once more, under the same
    /// event id, so that a write that did land is found and not doubled.
    pub(crate) async fn post_event(
        &self,
        tenant: TenantId,
        event: NewEvent,
        named: bool,
        context: &mut RequestContext,
        request_id: &str,
    ) -> Result<Response<Body>, Problem> {
        let located = self.locator.locate(&tenant, |state| state == RouteState::Fenced, context).await;
        let mut located = match (located, &self.first_sight) {
            (Err(LookupError::UnknownTenant(_)), Some(first_sight)) => {
                Box::pin(self.locate_on_first_sight(first_sight, &tenant, request_id, context)).await?
            }
            (located, _) => located?,
        };
        let mut record = EventRecord::accepted(tenant, event, located.route().epoch, self.clock.source.wall_ms());
        let mut is_second = false;
        loop {
            if located.route().state == RouteState::Fenced {
                located = Box::pin(self.wait_for_move(located, context)).await?;
                record.epoch = located.route().epoch;
            }
            located = match self.write(&located, &mut record, named, context).await? {
                Attempt::Done(Written::New) => return response::accepted(&record, false),
                Attempt::Done(Written::Exists(first)) => return repeat(&record, &first),
                Attempt::Done(Written::FenceRefused) => self.locate_after_refusal(located, is_second, context).await?,
                Attempt::HomeFailed(error) if is_second || !self.may_be_held(&error) => return Err(error.into()),
                Attempt::HomeFailed(error) => match self.locator.locate_after_failure(&located, context).await? {
                    Some(located) => located,
                    None => return Err(error.into()),
                },
            };
            record.epoch = located.route().epoch;
            is_second = true;
        }
    }

    /// Waits until a cell takes the tenant's events again. Returns the route to it. After a wait in vain the tenant's next
    /// writes do not wait.
    async fn wait_for_move(&self, mut located: Located, context: &mut RequestContext) -> Result<Located, Problem> {
        let tenant = located.route().tenant_id.clone();
        if !self.fenced_waits.may_wait(&tenant) {
            return Err(moving());
        }
        let until = *context.waits_until.get_or_insert_with(|| Instant::now() + FENCED_WAIT);
        while located.route().state == RouteState::Fenced {
            if Instant::now() + FENCED_LOOK > until {
                let [.., random] = self.clock.source.random();
                self.fenced_waits.in_vain(&tenant, random);
                return Err(moving());
            }
            tokio::time::sleep(FENCED_LOOK).await;
            located = self.locator.refresh(&tenant, context).await?;
        }
        Ok(located)
    }

    /// Reads the route again after a fence refused the event, unless that can't help.
    async fn locate_after_refusal(
        &self,
        located: Located,
        is_second: bool,
        context: &mut RequestContext,
    ) -> Result<Located, Problem> {
        self.metrics.count(Metric::FenceRefused);
        // A standby's fence is closed where the tenant has moved or has another standby, which routers learn later.
        let by_standby = context.standby.take().is_some();
        let is_current = located.resolved.source == RouteSource::Map && located.route().state == RouteState::Active;
        if is_second || (!by_standby && is_current) {
            return Err(moving());
        }
        if by_standby {
            self.locator.refresh_home(&located).await;
            return Ok(self.locator.refresh_if_possible(located, context).await?);
        }
        Ok(self.locator.refresh(&located.route().tenant_id, context).await?)
    }

    /// Returns whether a standby may take an event whose write into the tenant's own cell failed. That write may have
    /// landed all the same: an event that is held is dropped on its way home then, one that is processed would have two
    /// effects.
    fn may_be_held(&self, error: &CellError) -> bool {
        match error {
            CellError::CircuitOpen => true,
            CellError::Failed(failure) => failure.kind == FailureKind::Unavailable && self.standby == Standby::Hold,
            CellError::Unreadable { .. } => false,
        }
    }

    /// Returns whether the tenant's cell is up again in spite of its record, by the word of the standby. A fresh record needs no such
    /// word: `cells up` waits for the routers that have one.
    async fn is_up_again(&self, located: &Located) -> Result<bool, Problem> {
        let (cell, Some(down_at)) = (&located.route().cell_id, located.home.down_at) else { return Ok(false) };
        if self.locator.is_home_fresh(located) || is_planted(Mutation::OldMarkCounts) {
            return Ok(false);
        }
        match self.locator.standby(located.route()).await? {
            Other::Serves(standby) => Ok(standby.has_ended(cell, down_at).await?),
            Other::None | Other::Away => Ok(false),
        }
    }

    /// Writes the event into the cell that takes it. If that is the standby, `context.standby` names it.
    async fn write(
        &self,
        located: &Located,
        record: &mut EventRecord,
        named: bool,
        context: &mut RequestContext,
    ) -> Result<Attempt, Problem> {
        context.standby = None;
        let standby_id = &located.route().standby_cell_id;
        let taker = match self.locator.taker(located).await? {
            // Boxed, as it is rare: most writes have no room for it.
            Taker::Standby if Box::pin(self.is_up_again(located)).await? => Taker::Home,
            taker => taker,
        };
        match taker {
            Taker::Home => {
                // An event that was sent before may be in the standby. A standby that can't be read must not hold up
                // this cell.
                if named
                    && self.standby.may_have_events(&located.home)
                    && let Ok(Other::Serves(standby)) = self.locator.standby(located.route()).await
                    && let Some(first) = first_try(&standby, record).await?
                {
                    // If the event had arrived here before that, its first try is here.
                    if let Some(first) = first_try(&self.locator.home(located), record).await? {
                        return Ok(Attempt::Done(Written::Exists(first)));
                    }
                    context.standby.clone_from(standby_id);
                    return Ok(Attempt::Done(Written::Exists(first)));
                }
                record.status = EventStatus::Accepted;
                let written = self.locator.home(located).write(record, guard(&located.resolved)).await;
                Ok(written.map_or_else(Attempt::HomeFailed, Attempt::Done))
            }
            Taker::Standby => {
                // An event that was sent before the cell was marked down is stored in that cell. While the cell can't
                // be read, a repeat is held under the same id, so that it meets its first try when it is carried home.
                if named
                    && located.home.status == CellStatus::Recovering
                    && let Some(first) = first_try(&self.locator.home(located), record).await?
                {
                    return Ok(Attempt::Done(Written::Exists(first)));
                }
                let Other::Serves(standby) = self.locator.standby(located.route()).await? else {
                    return Err(marked(&located.home));
                };
                context.standby.clone_from(standby_id);
                self.metrics.count(Metric::StandbyServed);
                record.status = self.standby.status();
                Ok(Attempt::Done(standby.write(record, Guard::Fence(FenceState::Standby)).await?))
            }
            Taker::Nobody => Err(marked(&located.home)),
        }
    }
}

/// Reads the event from the cell that is not the one to write to. Returns nothing if that cell can't be read.
async fn first_try<A: Clock>(cell: &Cell<A>, record: &EventRecord) -> Result<Option<Box<EventRecord>>, CellError> {
    match cell.event(&record.tenant_id, record.id()).await {
        Ok(first) => Ok(first.map(Box::new)),
        // The event exists, in an unreadable form.
        Err(error) if error.is_unreadable() => Err(error),
        Err(_) => Ok(None),
    }
}

/// Returns the guard that a write into the tenant's own cell needs, given its route.
const fn guard(resolved: &Resolved) -> Guard {
    match (resolved.route.state, resolved.source) {
        (RouteState::Active, RouteSource::Cache | RouteSource::Map) => Guard::Lease,
        (RouteState::Moving | RouteState::Fenced | RouteState::Removed, _) | (_, RouteSource::Stale) => {
            Guard::Fence(FenceState::Open)
        }
    }
}

fn moving() -> Problem {
    Problem::unavailable("The tenant is being moved to another cell.")
}

/// Responds to an event whose name is taken: with the first response again, or with a conflict.
fn repeat(record: &EventRecord, first: &EventRecord) -> Result<Response<Body>, Problem> {
    if record.body_sha256 == first.body_sha256 || is_planted(Mutation::ClashIsRepeat) {
        return response::accepted(first, true);
    }
    Err(Problem::new(
        Kind::IdempotencyConflict,
        format!("Event {} was accepted with another body. Give this event a name of its own.", first.id()),
    ))
}

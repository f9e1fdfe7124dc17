//! The calls that reach a cell, and which cell they reach.
//!
//! A tenant's cell serves it, and its standby, if it has one, takes its new events while the cell is *marked* `down`.
//! Never on the router's own guess: a write that timed out may have landed, and only who marks the cell down knows that
//! nobody writes there any more.

use std::sync::Arc;

use cellstack_core::directory::{CellRecord, CellStatus};
use cellstack_core::fence::FenceState;
use cellstack_core::{Ambient, EventId, EventRecord, EventStatus, NewEvent, RouteState, TenantId, TenantRoute};
use lambda_http::{Body, Response};

use crate::answer;
use crate::call::Listing;
use crate::cell::{Cell, Guard, Written};
use crate::cursor::Cursor;
use crate::handler::Router;
use crate::metrics::Metric;
use crate::problem::{Kind, Problem};
use crate::resolve::{Resolved, RouteSource};
use crate::visit::Visit;

/// A tenant's cell.
struct Home<A> {
    /// The cell, if it may be sent to.
    own: Option<Arc<Cell<A>>>,
    status: CellStatus,
    /// Whether it was ever marked down: then the tenant's standby may hold events.
    was_down: bool,
}

impl<A> Home<A> {
    fn own(self) -> Result<Arc<Cell<A>>, Problem> {
        self.own.ok_or_else(|| marked(self.status))
    }
}

fn marked(status: CellStatus) -> Problem {
    Problem::unavailable(format!("The tenant's cell is marked {}.", status.as_str()))
}

impl<A: Ambient + Clone> Router<A> {
    pub(crate) async fn route(&self, tenant: &TenantId, visit: &mut Visit) -> Result<Resolved, Problem> {
        visit.tenant = Some(tenant.clone());
        let resolved = self.resolver.tenant(tenant).await?;
        visit.route = Some(resolved.clone());
        Ok(resolved)
    }

    async fn refresh(&self, tenant: &TenantId, visit: &mut Visit) -> Result<Resolved, Problem> {
        let resolved = self.resolver.refresh(tenant).await?;
        visit.route = Some(resolved.clone());
        Ok(resolved)
    }

    async fn home(&self, route: &TenantRoute) -> Result<Home<A>, Problem> {
        let CellRecord { table, status, down_at } = self.resolver.cell(&route.cell_id).await?;
        let own = status.serves().then(|| self.cells.get(&route.cell_id, &table));
        Ok(Home { own, status, was_down: down_at.is_some() || status == CellStatus::Down })
    }

    /// The tenant's standby cell, if it has one that may be sent to.
    async fn standby(&self, route: &TenantRoute) -> Result<Option<Arc<Cell<A>>>, Problem> {
        let Some(id) = &route.standby_cell_id else { return Ok(None) };
        let CellRecord { table, status, .. } = self.resolver.cell(id).await?;
        Ok(status.serves().then(|| self.cells.get(id, &table)))
    }

    /// Writes the event where its tenant lives. A refusing fence or a `fenced` route gets one look at the map and one
    /// more try, under the same event id, so that a write that did land is found and not doubled.
    pub(crate) async fn post_event(
        &self,
        tenant: TenantId,
        event: NewEvent,
        named: bool,
        visit: &mut Visit,
    ) -> Result<Response<Body>, Problem> {
        let mut resolved = self.route(&tenant, visit).await?;
        let mut refreshed = resolved.source == RouteSource::Map;
        let epoch = resolved.route.epoch;
        let mut record = EventRecord::accepted(tenant, event, epoch, self.clock.ambient.wall_ms());
        loop {
            if resolved.route.state != RouteState::Fenced {
                match self.write(&resolved, &record, named, visit).await? {
                    Written::New => return answer::accepted(&record, false),
                    Written::Exists(first) => return repeat(&record, &first),
                    Written::FenceRefused => self.metrics.count(Metric::FenceRefused),
                }
            }
            if refreshed {
                return Err(Problem::unavailable("The tenant is being moved to another cell."));
            }
            resolved = self.refresh(&record.tenant_id, visit).await?;
            record.epoch = resolved.route.epoch;
            refreshed = true;
        }
    }

    async fn write(
        &self,
        resolved: &Resolved,
        record: &EventRecord,
        named: bool,
        visit: &mut Visit,
    ) -> Result<Written, Problem> {
        visit.standby = None;
        let route = &resolved.route;
        let home = self.home(route).await?;
        if let Some(own) = home.own {
            // An event that was sent before may lie in the standby. That it can't be asked must not hold up this cell.
            if named
                && home.was_down
                && let Ok(Some(standby)) = self.standby(route).await
                && let Ok(Some(first)) = standby.event(&record.tenant_id, record.id()).await
            {
                visit.standby.clone_from(&route.standby_cell_id);
                return Ok(Written::Exists(Box::new(first)));
            }
            return own.write(record, guard(resolved)).await;
        }
        let standby = if home.status == CellStatus::Down { self.standby(route).await? } else { None };
        let standby = standby.ok_or_else(|| marked(home.status))?;
        visit.standby.clone_from(&route.standby_cell_id);
        self.metrics.count(Metric::StandbyServed);
        standby.write(record, Guard::Fence(FenceState::Standby)).await
    }

    /// An event that an old route does not lead to may be where the map says now. Where that can't be read, what the
    /// tenant's cell says counts: within the lease no other has become its owner.
    pub(crate) async fn get_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        visit: &mut Visit,
    ) -> Result<Response<Body>, Problem> {
        let resolved = self.route(tenant, visit).await?;
        let mut found = self.find(&resolved.route, id, visit).await?;
        let moved_on = found.as_ref().is_none_or(|record| record.status == EventStatus::Carried);
        if moved_on && resolved.source == RouteSource::Cache {
            match self.refresh(tenant, visit).await {
                Ok(now) if now.route.cell_id != resolved.route.cell_id => {
                    found = self.find(&now.route, id, visit).await?.or(found);
                }
                Err(problem) if problem.kind != Kind::Unavailable => return Err(problem),
                Ok(_) | Err(_) => {}
            }
        }
        match found {
            Some(record) => answer::event(&record),
            None => Err(Problem::new(Kind::UnknownEvent, format!("Tenant {tenant} has no event {id}."))),
        }
    }

    /// Looks for an event in the tenant's cell and in its standby.
    async fn find(&self, route: &TenantRoute, id: EventId, visit: &mut Visit) -> Result<Option<EventRecord>, Problem> {
        visit.standby = None;
        let home = self.home(route).await?;
        if let Some(own) = &home.own
            && let Some(record) = own.event(&route.tenant_id, id).await?
        {
            return Ok(Some(record));
        }
        let there = match self.standby(route).await {
            Ok(Some(standby)) => standby.event(&route.tenant_id, id).await,
            Ok(None) => Ok(None),
            Err(problem) => Err(problem),
        };
        match there {
            Ok(Some(record)) => {
                visit.standby.clone_from(&route.standby_cell_id);
                Ok(Some(record))
            }
            // It may well lie in the cell that is down.
            Ok(None) if home.own.is_none() => Err(marked(home.status)),
            Ok(None) => Ok(None),
            // Nothing was ever sent to a standby that can't be asked.
            Err(_) if !home.was_down => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    pub(crate) async fn list_events(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        visit: &mut Visit,
    ) -> Result<Response<Body>, Problem> {
        let Listing { filter, limit, cursor } = listing;
        let before = cursor.map(|cursor| cursor.open(tenant, filter).ok_or_else(foreign_cursor)).transpose()?;
        let route = self.route(tenant, visit).await?.route;
        let home = self.home(&route).await?;
        let was_down = home.was_down;
        let mut page = home.own()?.list(tenant, filter, before, *limit).await?;
        if was_down && let Some(standby) = self.standby(&route).await? {
            page = page.merge(standby.list(tenant, filter, before, *limit).await?, *limit);
        }
        let next = page.next.map(|last| Cursor::new(last, tenant, filter).encode());
        answer::list(&page.events, next)
    }

    pub(crate) async fn totals(&self, tenant: &TenantId, visit: &mut Visit) -> Result<Response<Body>, Problem> {
        let resolved = self.route(tenant, visit).await?;
        let totals = self.home(&resolved.route).await?.own()?.totals(tenant).await?;
        answer::totals(tenant, &totals)
    }
}

/// How a write into the tenant's own cell must be guarded, given what is known of its route.
const fn guard(resolved: &Resolved) -> Guard {
    match (resolved.route.state, resolved.source) {
        (RouteState::Active, RouteSource::Cache | RouteSource::Map) => Guard::Lease,
        (RouteState::Moving | RouteState::Fenced, _) | (_, RouteSource::Stale) => Guard::Fence(FenceState::Open),
    }
}

/// The answer to an event whose name is taken: the first answer again, or a conflict.
fn repeat(record: &EventRecord, first: &EventRecord) -> Result<Response<Body>, Problem> {
    if record.body_sha256 == first.body_sha256 {
        return answer::accepted(first, true);
    }
    Err(Problem::new(
        Kind::IdempotencyConflict,
        format!("Event {} was accepted with another body. Give this event a name of its own.", first.id()),
    ))
}

fn foreign_cursor() -> Problem {
    Problem::new(
        Kind::InvalidRequest,
        "Query parameter cursor is of another listing. Use it with the tenant, type and status it came from.",
    )
}

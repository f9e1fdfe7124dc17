//! The cell that a request goes to: the tenant's route, the record of the cell it leads to, and the standby if that
//! cell is marked down ([`failover`]).

use std::sync::Arc;

use cellstack_core::registry::{CellRecord, CellStatus};
use cellstack_core::{Clock, RouteState, TenantId, TenantRoute};

use super::error::LookupError;
use super::failover::{self, Taker};
use super::resolver::{Resolved, Resolver, RouteSource};
use crate::cell::{Cell, Cells};
use crate::context::RequestContext;

/// A tenant's route, and the record of the cell it leads to.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) resolved: Resolved,
    pub(crate) home: CellRecord,
}

impl Located {
    pub(crate) const fn route(&self) -> &TenantRoute {
        &self.resolved.route
    }
}

/// A tenant's standby.
pub(crate) enum Other<A> {
    /// The tenant has none.
    None,
    /// The standby must not be called.
    Away,
    Serves(Arc<Cell<A>>),
}

/// A finder of tenants' cells.
pub(crate) struct Locator<A> {
    resolver: Resolver<A>,
    cells: Cells<A>,
}

impl<A: Clock + Clone> Locator<A> {
    pub(crate) const fn new(resolver: Resolver<A>, cells: Cells<A>) -> Self {
        Self { resolver, cells }
    }

    /// Makes the connection that would delay the first request.
    pub(crate) async fn warm_up(&self) {
        self.resolver.warm_up().await;
    }

    /// Finds the tenant's route and cell.
    ///
    /// A cached route may be behind if it leads into a cell that is marked down or retired, since tenants are moved
    /// then, or if its state is one that `is_doubtful`. Such a route is read again. If the map can't be read, the route
    /// stays in use, as a stale one.
    pub(crate) async fn locate(
        &self,
        tenant: &TenantId,
        is_doubtful: impl Fn(RouteState) -> bool,
        context: &mut RequestContext,
    ) -> Result<Located, LookupError> {
        context.tenant = Some(tenant.clone());
        let resolved = self.resolver.tenant(tenant).await?;
        context.route = Some(resolved.clone());
        let located = self.at_home(resolved).await?;
        let is_gone = matches!(located.home.status, CellStatus::Down | CellStatus::Retired);
        if located.resolved.source != RouteSource::Cache || !(is_gone || is_doubtful(located.route().state)) {
            return Ok(located);
        }
        self.refresh_if_possible(located, context).await
    }

    /// Reads the tenant's route. If the map can't be read, returns the known route, as a stale one.
    pub(crate) async fn refresh_if_possible(
        &self,
        located: Located,
        context: &mut RequestContext,
    ) -> Result<Located, LookupError> {
        match self.refresh(&located.route().tenant_id, context).await {
            Err(error) if error.is_unavailable() => {
                let stale = Resolved { source: RouteSource::Stale, ..located.resolved };
                context.route = Some(stale.clone());
                self.at_home(stale).await
            }
            read => read,
        }
    }

    /// Reads the tenant's route, and finds the cell it leads to.
    pub(crate) async fn refresh(
        &self,
        tenant: &TenantId,
        context: &mut RequestContext,
    ) -> Result<Located, LookupError> {
        let resolved = self.resolver.refresh(tenant).await?;
        context.route = Some(resolved.clone());
        self.at_home(resolved).await
    }

    /// Finds the cell of a tenant that had none when it was last looked up.
    pub(crate) async fn refresh_unplaced(
        &self,
        tenant: &TenantId,
        context: &mut RequestContext,
    ) -> Result<Located, LookupError> {
        let resolved = self.resolver.refresh_unplaced(tenant).await?;
        context.route = Some(resolved.clone());
        self.at_home(resolved).await
    }

    async fn at_home(&self, resolved: Resolved) -> Result<Located, LookupError> {
        let home = self.resolver.cell(&resolved.route.cell_id).await?;
        Ok(Located { resolved, home })
    }

    /// Returns the tenant's own cell.
    pub(crate) fn home(&self, located: &Located) -> Arc<Cell<A>> {
        self.cells.get(&located.route().cell_id, &located.home.table)
    }

    /// Returns the tenant's own cell, if it may be read.
    pub(crate) fn readable_home(&self, located: &Located) -> Option<Arc<Cell<A>>> {
        located.home.status.is_read().then(|| self.home(located))
    }

    /// Finds the tenant's standby.
    pub(crate) async fn standby(&self, route: &TenantRoute) -> Result<Other<A>, LookupError> {
        let Some(id) = &route.standby_cell_id else { return Ok(Other::None) };
        let CellRecord { table, status, .. } = self.resolver.cell(id).await?;
        Ok(if status.serves() { Other::Serves(self.cells.get(id, &table)) } else { Other::Away })
    }

    /// Returns the cell that takes the tenant's new events. The standby is looked up only if it matters.
    pub(crate) async fn taker(&self, located: &Located) -> Result<Taker, LookupError> {
        let standby = match (&located.route().standby_cell_id, located.home.status) {
            (Some(id), CellStatus::Down | CellStatus::Recovering) => Some(self.resolver.cell(id).await?.status),
            _ => None,
        };
        Ok(failover::taker(located.home.status, standby))
    }

    /// Returns whether the registry has confirmed the record of the tenant's cell within its lease.
    pub(crate) fn is_home_fresh(&self, located: &Located) -> bool {
        self.resolver.is_fresh(&located.route().cell_id, &located.home)
    }

    /// Finds the tenant's cell again after a write into it failed. Returns nothing if the tenant has no standby, or the
    /// cell is not marked.
    pub(crate) async fn locate_after_failure(
        &self,
        located: &Located,
        context: &mut RequestContext,
    ) -> Result<Option<Located>, LookupError> {
        let TenantRoute { tenant_id, cell_id, standby_cell_id, .. } = located.route();
        if standby_cell_id.is_none() {
            return Ok(None);
        }
        self.resolver.refresh_failed_cell(cell_id).await;
        if self.resolver.cell(cell_id).await?.status.serves() {
            return Ok(None);
        }
        self.locate(tenant_id, |_| false, context).await.map(Some)
    }

    /// Reads the cell's record from the registry, if that can be read.
    pub(crate) async fn refresh_home(&self, located: &Located) {
        self.resolver.refresh_cell(&located.route().cell_id).await;
    }
}

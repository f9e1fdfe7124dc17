//! The calls that reach a cell: which cell they reach ([`crate::failover`]), and what they do there.

mod list;
mod post;
mod read;
mod route;
mod wait;

use std::sync::Arc;

use cellstack_core::directory::{CellRecord, CellStatus};
use cellstack_core::{Ambient, RouteState, TenantId, TenantRoute};

use crate::cell::Cell;
use crate::failover::{self, Taker};
use crate::handler::Router;
use crate::problem::{Kind, Problem};
use crate::resolve::{Resolved, RouteSource};
use crate::visit::Visit;

/// A tenant's route, and what is known of the cell it leads to.
#[derive(Debug)]
struct Located {
    resolved: Resolved,
    home: CellRecord,
}

impl Located {
    const fn route(&self) -> &TenantRoute {
        &self.resolved.route
    }

    fn marked(&self) -> Problem {
        Problem::lasting(format!("The tenant's cell is marked {}.", self.home.status.as_str()))
    }
}

/// A cell beside the tenant's own.
enum Other<A> {
    /// The tenant has none.
    None,
    /// It must not be sent to.
    Away,
    Serves(Arc<Cell<A>>),
}

impl<A: Ambient + Clone> Router<A> {
    /// Finds the tenant's route and cell.
    ///
    /// A cached route may be behind where it leads into a cell that is marked down or retired, since that is when tenants are
    /// moved, and where its state is one that `is_doubtful`. It is read again then. Where the map can't be read, the route
    /// serves on, as a stale one.
    async fn locate(
        &self,
        tenant: &TenantId,
        is_doubtful: impl Fn(RouteState) -> bool,
        visit: &mut Visit,
    ) -> Result<Located, Problem> {
        visit.tenant = Some(tenant.clone());
        let resolved = self.resolver.tenant(tenant).await?;
        visit.route = Some(resolved.clone());
        let located = self.at_home(resolved).await?;
        let is_gone = matches!(located.home.status, CellStatus::Down | CellStatus::Retired);
        if located.resolved.source != RouteSource::Cache || !(is_gone || is_doubtful(located.route().state)) {
            return Ok(located);
        }
        self.refresh_if_possible(located, visit).await
    }

    /// Reads the tenant's route; where the map can't be read, goes on with the one there is, as a stale one.
    async fn refresh_if_possible(&self, located: Located, visit: &mut Visit) -> Result<Located, Problem> {
        match self.refresh(&located.route().tenant_id, visit).await {
            Err(problem) if problem.kind == Kind::Unavailable => {
                let stale = Resolved { source: RouteSource::Stale, ..located.resolved };
                visit.route = Some(stale.clone());
                self.at_home(stale).await
            }
            read => read,
        }
    }

    /// Reads the tenant's route, and looks at the cell it leads to.
    async fn refresh(&self, tenant: &TenantId, visit: &mut Visit) -> Result<Located, Problem> {
        let resolved = self.resolver.refresh(tenant).await?;
        visit.route = Some(resolved.clone());
        self.at_home(resolved).await
    }

    async fn at_home(&self, resolved: Resolved) -> Result<Located, Problem> {
        let home = self.resolver.cell(&resolved.route.cell_id).await?;
        Ok(Located { resolved, home })
    }

    /// The tenant's own cell.
    fn home(&self, located: &Located) -> Arc<Cell<A>> {
        self.cells.get(&located.route().cell_id, &located.home.table)
    }

    /// The tenant's own cell, if it may be read.
    fn readable_home(&self, located: &Located) -> Option<Arc<Cell<A>>> {
        located.home.status.is_read().then(|| self.home(located))
    }

    /// The tenant's standby.
    async fn standby(&self, route: &TenantRoute) -> Result<Other<A>, Problem> {
        let Some(id) = &route.standby_cell_id else { return Ok(Other::None) };
        let CellRecord { table, status, .. } = self.resolver.cell(id).await?;
        Ok(if status.serves() { Other::Serves(self.cells.get(id, &table)) } else { Other::Away })
    }

    /// Which cell takes the tenant's new events. The standby is looked up only where it counts.
    async fn taker(&self, located: &Located) -> Result<Taker, Problem> {
        let standby = match (&located.route().standby_cell_id, located.home.status) {
            (Some(id), CellStatus::Down | CellStatus::Recovering) => Some(self.resolver.cell(id).await?.status),
            _ => None,
        };
        Ok(failover::taker(located.home.status, standby))
    }
}

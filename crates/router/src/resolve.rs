//! Which cell a tenant is in, from the cache where its lease allows, else from the map.

use cellstack_core::aws::AwsFailure;
use cellstack_core::directory::{CellRecord, Directory};
use cellstack_core::lease::{LeaseCache, Lookup};
use cellstack_core::limits::{CELL_CACHE, CELL_LEASE, NOT_FOUND_LEASE, TENANT_CACHE, TENANT_LEASE};
use cellstack_core::tenant_map::TenantMap;
use cellstack_core::{Ambient, CellId, TenantId, TenantRoute};

use crate::problem::{Kind, Problem};

/// Where a route came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteSource {
    /// The cache, within its lease.
    Cache,
    /// The tenant map, read just now.
    Map,
    /// The cache, past its lease, because the map can't be read.
    Stale,
}

impl RouteSource {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Map => "map",
            Self::Stale => "stale",
        }
    }
}

/// A tenant's route and how sure the router may be of it.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) route: TenantRoute,
    pub(crate) source: RouteSource,
}

/// Looks tenants and cells up.
pub(crate) struct Resolver<A> {
    map: TenantMap,
    directory: Directory,
    tenants: LeaseCache<TenantId, TenantRoute>,
    cells: LeaseCache<CellId, CellRecord>,
    ambient: A,
}

impl<A: Ambient> Resolver<A> {
    pub(crate) fn new(map: TenantMap, directory: Directory, ambient: A) -> Self {
        Self {
            map,
            directory,
            tenants: LeaseCache::new(TENANT_CACHE, TENANT_LEASE, NOT_FOUND_LEASE),
            cells: LeaseCache::new(CELL_CACHE, CELL_LEASE, NOT_FOUND_LEASE),
            ambient,
        }
    }

    /// The tenant's route: cached while fresh, else read; stale when the map can't be read.
    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<Resolved, Problem> {
        match self.tenants.look_up(tenant, self.ambient.now()) {
            Lookup::Fresh(route) => Ok(Resolved { route, source: RouteSource::Cache }),
            Lookup::NotFound => Err(unknown_tenant(tenant)),
            Lookup::Unknown => self.refresh(tenant).await,
            Lookup::Stale(route) => match self.read(tenant).await {
                Ok(answer) => found(tenant, answer),
                Err(failure) => {
                    tracing::warn!(%tenant, %failure, "serving a stale route");
                    Ok(Resolved { route, source: RouteSource::Stale })
                }
            },
        }
    }

    /// The tenant's route as the map has it now.
    pub(crate) async fn refresh(&self, tenant: &TenantId) -> Result<Resolved, Problem> {
        found(tenant, self.read(tenant).await.map_err(|failure| Problem::of_aws(&failure))?)
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<TenantRoute>, AwsFailure> {
        let sent = self.ambient.now();
        let answer = self.map.read(tenant).await?;
        Ok(self.tenants.store(tenant.clone(), answer, sent))
    }

    /// The record of a cell that may be sent to.
    pub(crate) async fn cell(&self, cell: &CellId) -> Result<CellRecord, Problem> {
        let known = match self.cells.look_up(cell, self.ambient.now()) {
            Lookup::Fresh(record) => return usable(cell, Some(record)),
            Lookup::NotFound => return usable(cell, None),
            Lookup::Stale(record) => Some(record),
            Lookup::Unknown => None,
        };
        let sent = self.ambient.now();
        match (self.directory.read(cell).await, known) {
            (Ok(answer), _) => usable(cell, self.cells.store(cell.clone(), answer, sent)),
            (Err(failure), Some(known)) => {
                tracing::warn!(%cell, %failure, "using a stale cell record");
                usable(cell, Some(known))
            }
            (Err(failure), None) => Err(Problem::of_aws(&failure)),
        }
    }
}

fn found(tenant: &TenantId, answer: Option<TenantRoute>) -> Result<Resolved, Problem> {
    let route = answer.ok_or_else(|| unknown_tenant(tenant))?;
    Ok(Resolved { route, source: RouteSource::Map })
}

fn unknown_tenant(tenant: &TenantId) -> Problem {
    let detail = format!("Tenant {tenant} is not placed. Check its id, or have the operators place it in a cell.");
    Problem::new(Kind::UnknownTenant, detail)
}

fn usable(cell: &CellId, record: Option<CellRecord>) -> Result<CellRecord, Problem> {
    match record {
        Some(record) if record.status.serves() => Ok(record),
        Some(record) => Err(Problem::unavailable(format!("The tenant's cell is marked {}.", record.status.as_str()))),
        None => {
            tracing::error!(%cell, "the map names a cell that is not registered");
            Err(Problem::unavailable("The tenant's cell is not registered."))
        }
    }
}

//! A tenant's cell, and whether the router may call it: from caches with leases, else from the map and the registry,
//! and while those can't be read from older entries and the snapshot.
//!
//! | the cache has it | the result |
//! |---|---|
//! | fresh | the cache's |
//! | near the end of its lease | the cache's, while it is read again in the background |
//! | stale | read first; the cache's, as stale, if that fails |
//! | not | read first; the snapshot's, as stale, if that fails and it has it |
//! | with a later epoch than the map, which was read since | the cache's, as stale |
//!
//! Of several requests that want the same tenant or cell read, one reads. A table that can't be read is not called for
//! a while (its [`Breaker`]), so that an outage costs some requests a time-out, and not each one.

use std::sync::Arc;

use cellstack_core::lease::{Known, LeaseTime, Lookup};
use cellstack_core::limits::{FAILED_CELL_LEASE, UNPLACED_LEASE};
use cellstack_core::registry::CellRecord;
use cellstack_core::{CellId, Clock, TenantId, TenantRoute};

use super::cached_table::CachedTable;
use super::error::LookupError;
use super::snapshots::Snapshots;
use crate::Settings;
use crate::clock::RouterClock;
use crate::metrics::{Metric, Metrics};

/// The source of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteSource {
    /// The cache, within its lease.
    Cache,
    /// The tenant map, read just now.
    Map,
    /// The cache past its lease or a snapshot, because the map can't be read or has gone back to an earlier epoch.
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

/// A tenant's route and its source.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) route: TenantRoute,
    pub(crate) source: RouteSource,
}

/// The lookup of tenants and cells.
pub(crate) struct Resolver<A> {
    tenants: Arc<CachedTable<TenantId, A>>,
    cells: Arc<CachedTable<CellId, A>>,
    snapshots: Snapshots<A>,
    metrics: Metrics,
}

impl<A: Clock + Clone> Resolver<A> {
    pub(crate) fn new(
        config: &aws_types::SdkConfig,
        settings: &Settings,
        clock: &RouterClock<A>,
        metrics: Metrics,
    ) -> Self {
        Self {
            tenants: Arc::new(CachedTable::tenants(config, &settings.tenant_map_table, clock.clone(), metrics.clone())),
            cells: Arc::new(CachedTable::cells(config, &settings.registry_table, clock.clone(), metrics.clone())),
            snapshots: Snapshots::new(settings.snapshot.clone(), config.clone(), clock.clone()),
            metrics,
        }
    }

    /// Makes the connection that would delay the first request.
    pub(crate) async fn warm_up(&self) {
        self.tenants.warm_up().await;
    }

    /// Returns the tenant's route.
    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<Resolved, LookupError> {
        let stale = match self.tenants.look_up(tenant) {
            Lookup::Fresh(route) => return Ok(Resolved { route, source: RouteSource::Cache }),
            Lookup::RefreshDue(route) => {
                self.tenants.refresh_in_background(tenant.clone());
                return Ok(Resolved { route, source: RouteSource::Cache });
            }
            Lookup::NotFound => return Err(LookupError::UnknownTenant(tenant.clone())),
            Lookup::Stale(route) => Some(route),
            Lookup::Unknown => None,
        };
        let unread = match self.tenants.read(tenant, None).await {
            Ok(known) => return self.found(tenant, known),
            Err(unread) => unread,
        };
        let stale = match stale {
            Some(route) => Some(route),
            None => self.snapshot(tenant).await,
        };
        let Some(route) = stale else { return Err(unread.into()) };
        tracing::warn!(%tenant, %unread, "serving a stale route");
        self.metrics.count(Metric::StaleServed);
        Ok(Resolved { route, source: RouteSource::Stale })
    }

    /// Reads the tenant's route from the map, by a read that begins from now on.
    pub(crate) async fn refresh(&self, tenant: &TenantId) -> Result<Resolved, LookupError> {
        let known = self.tenants.read(tenant, Some(self.tenants.now())).await;
        self.found(tenant, known?)
    }

    /// Reads the tenant's route, unless that was done a moment ago ([`UNPLACED_LEASE`]).
    pub(crate) async fn refresh_unplaced(&self, tenant: &TenantId) -> Result<Resolved, LookupError> {
        let since = self.tenants.now().minus(UNPLACED_LEASE);
        let known = self.tenants.read(tenant, Some(since)).await;
        self.found(tenant, known?)
    }

    fn found(&self, tenant: &TenantId, known: Known<TenantRoute>) -> Result<Resolved, LookupError> {
        match known {
            Known::Current(route) => Ok(Resolved { route, source: RouteSource::Map }),
            Known::Contradicted(route) => {
                tracing::warn!(%tenant, epoch = %route.epoch, "the map has gone back to an earlier epoch");
                self.metrics.count(Metric::StaleServed);
                Ok(Resolved { route, source: RouteSource::Stale })
            }
            Known::NotFound => Err(LookupError::UnknownTenant(tenant.clone())),
        }
    }

    /// Returns the record of a cell.
    pub(crate) async fn cell(&self, cell: &CellId) -> Result<CellRecord, LookupError> {
        let stale = match self.cells.look_up(cell) {
            Lookup::Fresh(record) => return Ok(record),
            Lookup::RefreshDue(record) => {
                self.cells.refresh_in_background(cell.clone());
                return Ok(record);
            }
            Lookup::NotFound => return Err(not_registered(cell)),
            Lookup::Stale(record) => Some(record),
            Lookup::Unknown => None,
        };
        let unread = match self.cells.read(cell, None).await {
            Ok(Known::Current(record) | Known::Contradicted(record)) => return Ok(record),
            Ok(Known::NotFound) => return Err(not_registered(cell)),
            Err(unread) => unread,
        };
        let stale = match stale {
            Some(record) => Some(record),
            // Boxed, as it is rare and large: requests that need no snapshot have no room for it.
            None => Box::pin(self.snapshots.cell(cell)).await,
        };
        match stale {
            Some(record) => {
                tracing::warn!(%cell, %unread, "using a stale cell record");
                Ok(self.cells.insert_stale(cell.clone(), record))
            }
            None => Err(unread.into()),
        }
    }

    /// Returns whether a cell's record was read from the registry less than a lease ago, and has been the same since.
    pub(crate) fn is_fresh(&self, cell: &CellId, record: &CellRecord) -> bool {
        match self.cells.look_up(cell) {
            Lookup::Fresh(known) | Lookup::RefreshDue(known) => known == *record,
            Lookup::Stale(_) | Lookup::NotFound | Lookup::Unknown => false,
        }
    }

    /// Reads a cell's record from the registry, if that can be read, so that [`cell`](Self::cell) returns the current
    /// one from now on.
    pub(crate) async fn refresh_cell(&self, cell: &CellId) {
        self.read_cell(cell, self.cells.now()).await;
    }

    /// Does the same for a cell that just failed, unless its record was read a moment ago ([`FAILED_CELL_LEASE`]).
    pub(crate) async fn refresh_failed_cell(&self, cell: &CellId) {
        self.read_cell(cell, self.cells.now().minus(FAILED_CELL_LEASE)).await;
    }

    async fn read_cell(&self, cell: &CellId, since: LeaseTime) {
        if let Err(unread) = self.cells.read(cell, Some(since)).await {
            tracing::warn!(%cell, %unread, "using the known record of the cell");
        }
    }

    async fn snapshot(&self, tenant: &TenantId) -> Option<TenantRoute> {
        let route = Box::pin(self.snapshots.tenant(tenant)).await?;
        Some(self.tenants.insert_stale(tenant.clone(), route))
    }
}

fn not_registered(cell: &CellId) -> LookupError {
    tracing::error!(%cell, "the map names a cell that is not registered");
    LookupError::UnregisteredCell
}

#[cfg(test)]
mod tests;

//! A table of the control plane behind a cache.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use aws_types::SdkConfig;
use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::lease::{Known, LeaseCache, LeaseTime, Lookup, Versioned};
use cellstack_core::limits::{
    CELL_CACHE, CELL_LEASE, LOOKUP_ATTEMPT_TIMEOUT, LOOKUP_TIMEOUT, NOT_FOUND_CACHE, NOT_FOUND_LEASE, PROBE_TIMEOUT,
    TENANT_CACHE, TENANT_LEASE,
};
use cellstack_core::registry::CellRecord;
use cellstack_core::{CellId, Clock, TenantId, TenantRoute};
use cellstack_store::Registry;
use cellstack_store::TenantMap;

use super::error::Unread;
use super::singleflight::{Permit, Singleflight};
use crate::clients;
use crate::clock::RouterClock;
use crate::metrics::{Metric, Metrics};
use crate::routing::breaker::{Breaker, Pass};

/// A kind of key that is looked up.
pub(super) trait Key: Hash + Eq + Clone + Send + Sync + 'static {
    type Value: Versioned + Clone + Send + Sync + 'static;
    type Table: Send + Sync + 'static;

    fn read(&self, table: &Self::Table) -> impl Future<Output = Result<Option<Self::Value>, AwsFailure>> + Send;
}

impl Key for TenantId {
    type Value = TenantRoute;
    type Table = TenantMap;

    async fn read(&self, map: &TenantMap) -> Result<Option<TenantRoute>, AwsFailure> {
        map.read(self).await
    }
}

impl Key for CellId {
    type Value = CellRecord;
    type Table = Registry;

    async fn read(&self, registry: &Registry) -> Result<Option<CellRecord>, AwsFailure> {
        registry.read(self).await
    }
}

/// A table of the control plane behind a cache, with at most one read in flight per key.
pub(super) struct CachedTable<K: Key, A> {
    table: K::Table,
    cache: LeaseCache<K, K::Value>,
    singleflight: Singleflight<K>,
    breaker: Breaker,
    clock: RouterClock<A>,
    metrics: Metrics,
}

impl<A: Clock> CachedTable<TenantId, A> {
    pub(super) fn tenants(config: &SdkConfig, table: &str, clock: RouterClock<A>, metrics: Metrics) -> Self {
        let cache = LeaseCache::new(TENANT_CACHE, TENANT_LEASE, NOT_FOUND_CACHE, NOT_FOUND_LEASE);
        Self::new(TenantMap::new(lookups(config, "tenant-map"), table.to_owned()), cache, clock, metrics)
    }

    /// Makes the connection with a read of an id that no tenant has or could have, which changes nothing.
    pub(super) async fn warm_up(&self) {
        if let Err(failure) = self.table.touch().await {
            tracing::warn!(%failure, "warm-up");
        }
    }
}

impl<A: Clock> CachedTable<CellId, A> {
    pub(super) fn cells(config: &SdkConfig, table: &str, clock: RouterClock<A>, metrics: Metrics) -> Self {
        let cache = LeaseCache::new(CELL_CACHE, CELL_LEASE, CELL_CACHE, NOT_FOUND_LEASE);
        Self::new(Registry::new(lookups(config, "registry"), table.to_owned()), cache, clock, metrics)
    }
}

pub(super) fn lookups(config: &SdkConfig, name: &'static str) -> aws_sdk_dynamodb::Client {
    clients::dynamodb(config, name, LOOKUP_ATTEMPT_TIMEOUT, LOOKUP_TIMEOUT)
}

impl<K: Key, A: Clock> CachedTable<K, A> {
    fn new(table: K::Table, cache: LeaseCache<K, K::Value>, clock: RouterClock<A>, metrics: Metrics) -> Self {
        Self { table, cache, singleflight: Singleflight::new(), breaker: Breaker::default(), clock, metrics }
    }

    pub(super) fn now(&self) -> LeaseTime {
        self.clock.now()
    }

    pub(super) fn look_up(&self, key: &K) -> Lookup<K::Value> {
        self.cache.look_up(key, self.now())
    }

    /// Caches a value as a stale one ([`LeaseCache::insert_stale`]).
    pub(super) fn insert_stale(&self, key: K, value: K::Value) -> K::Value {
        self.cache.insert_stale(key, value)
    }

    /// Caches a made-up response of a test.
    #[cfg(test)]
    pub(super) fn note(&self, key: K, response: Option<K::Value>) {
        self.cache.store(key, response, self.now());
    }

    /// Reads `key`, unless another request has just done so: after `since`, if it is given; otherwise after this
    /// request asked, or within the lease.
    pub(super) async fn read(&self, key: &K, since: Option<LeaseTime>) -> Result<Known<K::Value>, Unread> {
        let asked = since.unwrap_or_else(|| self.now());
        let permit = self.singleflight.acquire(key).await;
        if let Some(known) = self.cache.read_since(key, asked) {
            return Ok(known);
        }
        if since.is_none() {
            match self.look_up(key) {
                Lookup::Fresh(value) | Lookup::RefreshDue(value) => return Ok(Known::Current(value)),
                Lookup::NotFound => return Ok(Known::NotFound),
                Lookup::Stale(_) | Lookup::Unknown => {}
            }
        }
        self.ask(key, &permit).await
    }

    /// Reads `key` in the background, unless such a read is in flight. Its result is for later requests: in a Lambda
    /// environment the read continues while one is served.
    pub(super) fn refresh_in_background(self: &Arc<Self>, key: K) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(permit) = this.singleflight.try_acquire(&key)
                && let Err(unread) = this.ask(&key, &permit).await
            {
                tracing::debug!(%unread, "refresh-ahead");
            }
        });
    }

    async fn ask(&self, key: &K, _permit: &Permit<'_, K>) -> Result<Known<K::Value>, Unread> {
        let sent = self.now();
        let response = match self.breaker.admit(sent).map_err(|_| Unread::CircuitOpen)? {
            Pass::Normal => key.read(&self.table).await,
            Pass::Probe => match tokio::time::timeout(PROBE_TIMEOUT, key.read(&self.table)).await {
                Ok(response) => response,
                Err(_) => Err(AwsFailure::late("read where the tenant lives")),
            },
        };
        // An error about one entry does not open the breaker: one tenant's broken entry must not close the map to all.
        let gone = |failure: &AwsFailure| matches!(failure.kind, FailureKind::Unavailable | FailureKind::Busy);
        let gone = response.as_ref().is_err_and(gone);
        if gone {
            self.metrics.count(Metric::MapFailed);
        }
        self.breaker.note(self.now(), !gone);
        Ok(self.cache.store(key.clone(), response.map_err(Unread::Failed)?, sent))
    }
}

//! Requests for a cell for a tenant that the map does not have, where placement on first sight is on.
//!
//! The router chooses no cell: it writes a request, and the placer places the tenant by the rule and the transaction of
//! `cellctl tenants place`. A tenant that an operator removed stays removed.

use aws_types::SdkConfig;
use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::ids::PROBE_TENANT;
use cellstack_core::lease::{LeaseCache, Lookup};
use cellstack_core::limits::{NOT_FOUND_CACHE, NOT_FOUND_LEASE, PLACEMENT_REQUEST_LEASE, PROBE_TIMEOUT};
use cellstack_core::placement_request::RequestState;
use cellstack_core::{Clock, TenantId};
use cellstack_store::TenantMap;
use cellstack_store::placement_requests::PlacementRequests;

use super::breaker::{Breaker, Pass};
use super::cached_table::lookups;
use super::error::Unread;
use crate::Settings;
use crate::clock::RouterClock;

/// The writer of requests for placement.
pub(crate) struct FirstSight<A> {
    map: TenantMap,
    requests: PlacementRequests,
    /// The states of the latest requests, which bound the calls per tenant.
    known: LeaseCache<TenantId, RequestState>,
    breaker: Breaker,
    clock: RouterClock<A>,
}

impl<A: Clock + Clone> FirstSight<A> {
    /// Makes a writer, if the settings name the table of requests.
    pub(crate) fn new(config: &SdkConfig, settings: &Settings, clock: &RouterClock<A>) -> Option<Self> {
        let table = settings.placement_requests_table.clone()?;
        // Apart from the resolver's client: trouble here must not use up the retries of lookups.
        let client = lookups(config, "placement-requests");
        Some(Self {
            map: TenantMap::new(client.clone(), settings.tenant_map_table.clone()),
            requests: PlacementRequests::new(client, table),
            known: LeaseCache::new(NOT_FOUND_CACHE, PLACEMENT_REQUEST_LEASE, 1, NOT_FOUND_LEASE),
            breaker: Breaker::default(),
            clock: clock.clone(),
        })
    }

    /// Requests a cell for the tenant, unless that was done within [`PLACEMENT_REQUEST_LEASE`]. Returns the state of the
    /// request: [`RequestState::Refused`] for a tenant that is not placed on first sight.
    pub(crate) async fn request(&self, tenant: &TenantId, request_id: &str) -> Result<RequestState, Unread> {
        let sent = self.clock.now();
        if let Lookup::Fresh(state) | Lookup::RefreshDue(state) = self.known.look_up(tenant, sent) {
            return Ok(state);
        }
        let made = match self.breaker.admit(sent).map_err(|_| Unread::CircuitOpen)? {
            Pass::Normal => self.make(tenant, request_id).await,
            Pass::Probe => match tokio::time::timeout(PROBE_TIMEOUT, self.make(tenant, request_id)).await {
                Ok(made) => made,
                Err(_) => Err(AwsFailure::late("request a cell for the tenant")),
            },
        };
        let gone = |failure: &AwsFailure| matches!(failure.kind, FailureKind::Unavailable | FailureKind::Busy);
        self.breaker.note(self.clock.now(), !made.as_ref().is_err_and(gone));
        let state = made.map_err(Unread::Failed)?;
        self.known.store(tenant.clone(), Some(state), sent);
        Ok(state)
    }

    async fn make(&self, tenant: &TenantId, request_id: &str) -> Result<RequestState, AwsFailure> {
        if tenant.as_str() == PROBE_TENANT {
            return Ok(RequestState::Refused);
        }
        match self.map.entry(tenant).await? {
            // Placed a moment ago: the caller's next try finds it.
            Some(entry) if entry.is_placed() => Ok(RequestState::Pending),
            // Removed by an operator.
            Some(_) => Ok(RequestState::Refused),
            None => self.requests.make(tenant, request_id, self.clock.source.wall_ms()).await,
        }
    }
}

//! One request: the tenant is placed, or the reason why not is kept for those who ask again.

use cellstack_aws::AwsFailure;
use cellstack_core::placement_request::{PlacementRequest, RequestState};
use cellstack_placement::{Request, StandbyRequest};
use cellstack_store::TenantMap;
use cellstack_store::audit::{Facts, Signature, Trail};
use cellstack_store::placement::{Candidate, Decision, Placement, PlacementError, RegisteredFleet, allow};
use cellstack_store::tenant_map::DEFAULT_WEIGHT;

use crate::handler::Placer;
use crate::metrics::{Metric, count};

/// The operator under whose name the placer works: in the tenant map and in the audit trail.
pub const OPERATOR: &str = "first-sight";

/// The needs of a tenant of which no more is known than its id: those of `cellctl tenants place` without options.
const NEEDS: Request = Request { weight: DEFAULT_WEIGHT, cell: None, standby: StandbyRequest::Any };

impl Placer {
    /// Settles a request. `fleet` is the cells as they were read for this batch; they are read at the first tenant that needs
    /// them. Safe to run again.
    ///
    /// # Errors
    /// When a table can't be read or written, or others changed the cells for too long: the request comes again then.
    pub(crate) async fn settle(
        &self,
        request: &PlacementRequest,
        fleet: &mut Option<RegisteredFleet>,
    ) -> Result<(), PlacementError> {
        let tenant = &request.tenant_id;
        let map = TenantMap::new(self.client.clone(), self.settings.tenant_map_table.clone());
        match map.entry(tenant).await? {
            Some(entry) if entry.is_placed() => return Ok(self.requests.delete(tenant).await?),
            Some(_) => return self.refuse(request, "an operator removed the tenant").await,
            None => {}
        }
        if let Err(reserved) = allow(tenant, None, self.clock.wall_ms()) {
            return self.refuse(request, &reserved.to_string()).await;
        }
        let fleet = match fleet {
            Some(fleet) => fleet,
            None => fleet.insert(RegisteredFleet::read(&self.client, &self.settings.registry_table).await?),
        };
        // A tenant without a cell must leave no trace in the audit trail: callers could make it grow without end.
        if let Err(refusal) = fleet.fleet.choose(&NEEDS) {
            return self.no_capacity(request, &refusal.to_string()).await;
        }
        match self.place(request, fleet).await? {
            Decision::Placed(choice) => {
                let standby = choice.standby.as_ref().map(|standby| standby.as_str());
                tracing::info!(%tenant, cell = %choice.home, standby, request = request.request_id, "placed on first sight");
                count(self.settings.stack.as_deref(), Metric::TenantPlaced);
                Ok(self.requests.delete(tenant).await?)
            }
            Decision::Already(_) => Ok(self.requests.delete(tenant).await?),
            Decision::Refused(PlacementError::Refused(refusal)) => {
                self.no_capacity(request, &refusal.to_string()).await
            }
            Decision::Refused(error @ (PlacementError::Contended { .. } | PlacementError::Failed(_))) => Err(error),
            Decision::Refused(error) => self.refuse(request, &error.to_string()).await,
        }
    }

    /// Places the tenant, and keeps a record of that in the audit trail.
    async fn place(&self, request: &PlacementRequest, fleet: &mut RegisteredFleet) -> Result<Decision, PlacementError> {
        let Self { client, settings, clock, entropy, .. } = self;
        let (map_table, registry) = (&settings.tenant_map_table, &settings.registry_table);
        let reason = format!("first sight, request {}", request.request_id);
        let by = Signature { operator: OPERATOR.to_owned(), reason };
        let trail = Trail {
            client: client.clone(),
            registry: registry.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        let tenant = &request.tenant_id;
        let entry = trail.begin(&by, "tenants place", tenant.to_string(), Facts::default()).await?;
        let placement = Placement { client, map_table, registry, operator: OPERATOR };
        let candidate = Candidate { tenant, request: NEEDS, pinned: false };
        let decision = placement.place_by_policy(fleet, &candidate, &**clock).await;
        let (placed, kept, trouble) = match &decision {
            Ok(Decision::Placed(_)) => (1, 0, None),
            Ok(Decision::Already(_)) => (0, 1, None),
            Ok(Decision::Refused(error)) | Err(error) => (0, 0, Some(error.to_string())),
        };
        let done = Facts::default().count("placed", placed).count("kept", kept);
        let recorded = entry.end(Facts::default(), done, trouble.as_slice()).await;
        let decision = decision?;
        recorded.map_err(AwsFailure::from)?;
        Ok(decision)
    }

    async fn no_capacity(&self, request: &PlacementRequest, reason: &str) -> Result<(), PlacementError> {
        tracing::warn!(tenant = %request.tenant_id, reason, "no cell takes the tenant");
        count(self.settings.stack.as_deref(), Metric::NoCapacity);
        Ok(self.requests.refuse(request, RequestState::NoCapacity, reason, self.clock.wall_ms()).await?)
    }

    async fn refuse(&self, request: &PlacementRequest, reason: &str) -> Result<(), PlacementError> {
        tracing::info!(tenant = %request.tenant_id, reason, "not placed on first sight");
        Ok(self.requests.refuse(request, RequestState::Refused, reason, self.clock.wall_ms()).await?)
    }
}

//! The reasons for which a tenant is not placed.

use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use cellstack_aws::AwsFailure;
use cellstack_core::{CellId, RouteState, TenantId};
use cellstack_placement::Refusal;

/// A placement, or a change of one, that was refused or failed. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlacementError {
    /// The cells do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The tenant id is the probes' own.
    #[error("tenant {tenant} is reserved for `cellctl cells probe`; expected another id")]
    Reserved {
        /// The tenant.
        tenant: TenantId,
    },
    /// Routers may still have the route by which the tenant was served before.
    #[error(
        "tenant {tenant} was removed a short time ago, and routers may serve it where it was for another {} s; place it \
         again then",
        left.as_secs()
    )]
    RemovedLately {
        /// The tenant.
        tenant: TenantId,
        /// The time until it can be placed.
        left: Duration,
    },
    /// The tenant has no cell.
    #[error("tenant {tenant} is not placed; `cellctl tenants place {tenant}` places it")]
    NotPlaced {
        /// The tenant.
        tenant: TenantId,
    },
    /// The tenant is being moved.
    #[error("tenant {tenant} is {}; expected active: wait until its move has ended", found.as_str())]
    Moving {
        /// The tenant.
        tenant: TenantId,
        /// The state of its entry.
        found: RouteState,
    },
    /// The tenant's cell is not up: its standby may hold events.
    #[error(
        "cell {home} is not up, so that the standby of {tenant} may hold events; expected a cell that serves: `cellctl cells up \
         {home}`"
    )]
    HomeNotUp {
        /// The tenant.
        tenant: TenantId,
        /// Its cell.
        home: CellId,
    },
    /// The standby holds events, although the tenant's cell is up.
    #[error(
        "cell {standby} holds {held} events of {tenant}; expected none: `cellctl cells up {home}` carries them home"
    )]
    Holds {
        /// The tenant.
        tenant: TenantId,
        /// Its cell.
        home: CellId,
        /// Its standby.
        standby: CellId,
        /// The number of events.
        held: u64,
    },
    /// Other changes came first, for as long as this one was tried.
    #[error("tenant {tenant}: other operators changed it or its cells meanwhile; look again, and try once more")]
    Contended {
        /// The tenant.
        tenant: TenantId,
    },
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
}

impl From<BuildError> for PlacementError {
    fn from(error: BuildError) -> Self {
        Self::Failed(AwsFailure::unreadable("place a tenant", error.to_string()))
    }
}

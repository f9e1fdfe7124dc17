//! The reasons for which a tenant is not placed.

use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use cellstack_aws::AwsFailure;
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, RouteState, TenantId};

/// A placement, or a change of one, that was refused or failed. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlacementError {
    /// The cell has no configuration in the registry.
    #[error("cell {cell} is not in the registry; expected one of `cellctl cells ls`")]
    UnknownCell {
        /// The cell.
        cell: CellId,
    },
    /// The cell has no state in the registry.
    #[error("cell {cell} was never bootstrapped; expected an active cell: `cellctl cells bootstrap {cell}`")]
    NotBootstrapped {
        /// The cell.
        cell: CellId,
    },
    /// The cell takes no new tenants.
    #[error("cell {cell} is {}; expected active: `cellctl cells show {cell}` says why", found.as_str())]
    NotActive {
        /// The cell.
        cell: CellId,
        /// Its status.
        found: CellStatus,
    },
    /// The cell has no room.
    #[error(
        "cell {cell} is full: {placed} of its capacity of {capacity} is taken, expected room for {weight}; leave --cell \
         out, or raise the capacity in Terraform"
    )]
    Full {
        /// The cell.
        cell: CellId,
        /// The weights placed in it.
        placed: u64,
        /// Its capacity.
        capacity: u64,
        /// The weight that was to be placed.
        weight: u64,
    },
    /// The standby can't hold the tenant's events.
    #[error("standby {cell} is {}; expected one that serves, or --no-standby", found.as_str())]
    StandbyNotServing {
        /// The standby.
        cell: CellId,
        /// Its status.
        found: CellStatus,
    },
    /// The standby is the home.
    #[error("the standby must be another cell than the tenant's own, which is {cell}")]
    StandbyIsHome {
        /// The cell.
        cell: CellId,
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

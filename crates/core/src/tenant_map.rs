//! The tenant map, which names each tenant's cell.

use serde::{Deserialize, Serialize};

use crate::lease::Versioned;
use crate::{CellId, Epoch, TenantId};

/// The state of a tenant in the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteState {
    /// The tenant's cell takes its events.
    Active,
    /// The tenant's cell takes its events while a move is under way: writes check the fence.
    Moving,
    /// The tenant's cell takes no events of it until the map changes.
    Fenced,
    /// The tenant has no cell any more. The entry stays, so that a later placement starts above its epoch.
    Removed,
}

impl RouteState {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Moving => "moving",
            Self::Fenced => "fenced",
            Self::Removed => "removed",
        }
    }
}

/// A tenant's entry in the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRoute {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The tenant's cell.
    pub cell_id: CellId,
    /// The tenant's epoch, which grows by one with each change of cell.
    pub epoch: Epoch,
    /// The tenant's state.
    pub state: RouteState,
    /// The cell that takes the tenant's new events while its own cell is marked down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_cell_id: Option<CellId>,
}

impl TenantRoute {
    /// Returns the route of a tenant that was just placed.
    #[must_use]
    pub const fn first(tenant_id: TenantId, cell_id: CellId) -> Self {
        Self { tenant_id, cell_id, epoch: Epoch::FIRST, state: RouteState::Active, standby_cell_id: None }
    }
}

impl Versioned for TenantRoute {
    fn version(&self) -> u64 {
        self.epoch.0
    }
}

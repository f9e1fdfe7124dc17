//! The tenant map: which cell a tenant lives in.

use serde::{Deserialize, Serialize};

use crate::lease::Versioned;
use crate::{CellId, Epoch, TenantId};

/// Whether a tenant's cell takes its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteState {
    /// It does.
    Active,
    /// It does, and a move is under way: writes check the fence.
    Moving,
    /// It does not; the tenant changes owner right now.
    Fenced,
}

impl RouteState {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Moving => "moving",
            Self::Fenced => "fenced",
        }
    }
}

/// A tenant's entry in the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRoute {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its cell.
    pub cell_id: CellId,
    /// How often it changed owner.
    pub epoch: Epoch,
    /// Whether its cell takes its events.
    pub state: RouteState,
    /// The cell that takes its new events while its own is marked down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_cell_id: Option<CellId>,
}

impl TenantRoute {
    /// The route of a tenant that was just placed.
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

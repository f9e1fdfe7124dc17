//! A snapshot of the tenant map. A router that never read the map starts from it while the map is out of reach.
//!
//! The control plane writes it, a router reads it, and neither waits for the other. The content may be old by the time
//! it is used: a route from a snapshot counts as stale, so that writes check the cell's fence, and a tenant that is
//! missing may exist all the same.

mod error;
mod format;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use self::error::InvalidSnapshot;
pub use self::format::{FORMAT, Header};
use crate::registry::CellRecord;
use crate::{CellId, Epoch, TenantId, TenantRoute};

/// The tenant map and the cells at one time.
///
/// The map goes on changing while it is read: each entry is as it was at `taken_at_ms` or later, and of two entries the
/// one with the larger epoch is the newer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The time when the read began, in milliseconds since the Unix epoch.
    pub taken_at_ms: u64,
    /// The map's entries.
    pub tenants: HashMap<TenantId, TenantRoute>,
    /// The registry's cells.
    pub cells: HashMap<CellId, CellRecord>,
}

impl Snapshot {
    /// Returns the tenant's entry. `None` proves nothing: the tenant may have been placed since.
    #[must_use]
    pub fn tenant(&self, tenant: &TenantId) -> Option<&TenantRoute> {
        self.tenants.get(tenant)
    }

    /// Returns the cell's record.
    #[must_use]
    pub fn cell(&self, cell: &CellId) -> Option<&CellRecord> {
        self.cells.get(cell)
    }

    /// Returns the largest epoch of all tenants; 0 without any.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.tenants.values().map(|route| route.epoch).max().unwrap_or(Epoch(0))
    }
}

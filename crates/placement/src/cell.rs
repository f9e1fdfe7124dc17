//! A cell as placement sees it.

use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use serde::Serialize;

/// A cell with its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The cell.
    pub id: CellId,
    /// Its status; `None` if it was never bootstrapped.
    pub status: Option<CellStatus>,
    /// The weights that it takes, in sum.
    pub capacity: u64,
    /// Its share of new tenants, in proportion to that of the others; 0 takes none.
    pub share: u64,
    /// The weights placed in it, in sum.
    pub placed: u64,
    /// The number of its tenants.
    pub tenants: u64,
}

/// The unit of [`Cell::fill`].
const FULL: u128 = 1_000_000_000;

impl Cell {
    /// Returns whether the cell takes new tenants.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.status, Some(CellStatus::Active))
    }

    /// Returns whether the cell may stand by for tenants of others.
    #[must_use]
    pub const fn stands_by(&self) -> bool {
        matches!(self.status, Some(CellStatus::Active | CellStatus::Full))
    }

    /// Returns whether the cell has room for a weight.
    #[must_use]
    pub const fn has_room(&self, weight: u64) -> bool {
        self.placed.saturating_add(weight) <= self.capacity
    }

    /// Returns the capacity scaled by the cell's share: cells are even when their weights are in proportion to it.
    pub(crate) fn scale(&self) -> u128 {
        u128::from(self.capacity) * u128::from(self.share)
    }

    /// Returns the load after another `weight`, relative to [`Cell::scale`].
    pub(crate) fn fill(&self, weight: u64) -> u128 {
        (u128::from(self.placed) + u128::from(weight)) * FULL / self.scale().max(1)
    }

    /// Returns the weights that the cell would have at a relative load.
    pub(crate) fn weight_at(&self, fill: u128) -> u128 {
        fill * self.scale() / FULL
    }
}

//! The input of a simulation.

use cellstack_core::ids::InvalidId;
use serde::Serialize;

/// Cells at most: the pairs of a thousand cells are a million.
const CELLS_MAX: usize = 1_000;
/// Tenants at most, so that they stay within a few gigabytes.
const TENANTS_MAX: u64 = 10_000_000;
/// The exponent at most. Above it, one tenant is nearly all of the load.
const SKEW_MAX: f64 = 3.0;
/// Room at most, in parts of the load.
const ROOM_MAX: f64 = 100.0;
/// Cells that fail together at most.
const FAILURES_MAX: usize = 8;

/// A fleet, its tenants and its failures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// Cells, all of the same capacity.
    pub cells: usize,
    /// Tenants.
    pub tenants: u64,
    /// The exponent of Zipf's law: the load of the tenant of rank k is in proportion to 1/k^skew. At 0 all are alike.
    pub skew: f64,
    /// True if placement does not know the loads, and takes all tenants for equally heavy.
    pub undeclared: bool,
    /// False if tenants have no standby.
    pub standbys: bool,
    /// The part of the load that the cells have room for beyond it.
    pub room: f64,
    /// Cells that fail together, at most.
    pub failures: usize,
    /// The seed of the order in which tenants come.
    pub seed: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            cells: 12,
            tenants: 10_000,
            skew: 0.0,
            undeclared: false,
            standbys: true,
            room: 0.25,
            failures: 3,
            seed: 1,
        }
    }
}

/// A scenario that can't be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// A number is out of bounds.
    #[error("{what} is {found}; expected {expected}")]
    OutOfBounds {
        /// The number.
        what: &'static str,
        /// The bounds.
        expected: String,
        /// The number found.
        found: String,
    },
    /// An id that was made up is invalid.
    #[error(transparent)]
    Id(#[from] InvalidId),
}

impl Scenario {
    /// Checks the bounds.
    pub(super) fn check(&self) -> Result<(), Unusable> {
        let within = |what, found: f64, least: f64, most: f64| {
            if (least..=most).contains(&found) {
                return Ok(());
            }
            let expected = format!("a number from {least} to {most}");
            Err(Unusable::OutOfBounds { what, expected, found: found.to_string() })
        };
        within("the number of cells", self.cells as f64, 1.0, CELLS_MAX as f64)?;
        within("the number of tenants", self.tenants as f64, 1.0, TENANTS_MAX as f64)?;
        within("the skew", self.skew, 0.0, SKEW_MAX)?;
        within("the room", self.room, 0.0, ROOM_MAX)?;
        within("the number of cells that fail", self.failures as f64, 0.0, FAILURES_MAX.min(self.cells) as f64)
    }

    /// Returns the capacity of each cell: its part of what is declared, and the room beyond it.
    pub(super) fn capacity(&self, sizes: &[u64]) -> u64 {
        let declared = if self.undeclared { super::sizes::MEAN * self.tenants } else { sizes.iter().sum() };
        (declared as f64 * (1.0 + self.room) / self.cells as f64).ceil() as u64
    }
}

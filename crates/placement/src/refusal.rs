//! The reasons for which a tenant gets no cell, or not the one that was named.

use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;

/// A request that no cell can serve as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
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
    /// No cell takes new tenants.
    #[error(
        "no cell takes new tenants: expected one that is active and has a weight above 0; `cellctl cells ls` shows all, \
         `cellctl cells bootstrap` takes a stamped one into service"
    )]
    NoneActive,
    /// No active cell has room.
    #[error(
        "no active cell has room for a weight of {weight}: the {cells} active cells have {room} left at most; raise a \
         capacity in Terraform, or add a cell"
    )]
    NoRoom {
        /// The weight that was to be placed.
        weight: u64,
        /// The number of active cells.
        cells: usize,
        /// The most room that one of them has.
        room: u64,
    },
    /// The standby can't hold the tenant's events.
    #[error("standby {cell} is {}; expected one that is active or full, or --no-standby", found.map_or("new", CellStatus::as_str))]
    StandbyNotServing {
        /// The standby.
        cell: CellId,
        /// Its status; `None` if it was never bootstrapped.
        found: Option<CellStatus>,
    },
    /// The standby is the home.
    #[error("the standby must be another cell than the tenant's own, which is {cell}")]
    StandbyIsHome {
        /// The cell.
        cell: CellId,
    },
}

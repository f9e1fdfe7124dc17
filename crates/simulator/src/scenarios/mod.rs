//! Scenarios: stacks, faults and callers that are set up for one question each, where a run draws them all.

pub(crate) mod black_swan;
pub(crate) mod busy_tenant;
pub(crate) mod control_plane_cut;
mod load;
pub(crate) mod marked_down;
pub(crate) mod moves;
pub(crate) mod one_cell_down;
pub(crate) mod recovery;
mod standbys;

pub use load::CONCURRENCY;

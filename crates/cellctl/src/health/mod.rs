//! The health of cells, by events that pass through them.

mod decide;
mod probe;

pub(crate) use decide::{AUTOMATION, Action, Decision, Rules, decide};
pub(crate) use probe::{Probe, probe};

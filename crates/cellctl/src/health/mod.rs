//! The health of cells, by events that pass through them, and the marks that follow from it.

mod act;
mod decide;
mod probe;
mod round;

pub(crate) use act::{Acted, Automation};
pub(crate) use decide::{AUTOMATION, Action, Decision, Evidence, Rules, decide};
pub(crate) use probe::{Probe, probe};
pub(crate) use round::{Round, Settings};

//! The health of cells, by events that pass through them, and the marks that follow from it.

mod act;
mod decide;
mod probe;
mod round;

pub use act::{Acted, Automation};
pub(crate) use decide::{AUTOMATION, Decision, Evidence, decide, too_small};
pub use decide::{Action, Rules};
pub(crate) use probe::probe;
pub use probe::{Probe, Stage};
pub use round::{Round, Settings};

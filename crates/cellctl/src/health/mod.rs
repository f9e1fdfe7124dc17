//! The health of cells, by events that pass through them.

mod probe;

pub(crate) use probe::{Probe, probe};

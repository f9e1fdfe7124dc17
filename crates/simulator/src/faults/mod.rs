//! Faults: the kinds, the plan that a seed draws, the schedule that carries it out, and the count of those that struck.

pub(crate) mod fault;
pub(crate) mod hits;
pub(crate) mod kill;
pub(crate) mod plan;
pub(crate) mod schedule;
pub(crate) mod strikes;

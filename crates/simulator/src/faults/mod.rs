//! Faults: the kinds, the plan that a seed draws, and the count of those that struck.

pub(crate) mod fault;
pub(crate) mod hits;
pub(crate) mod plan;

//! Plans of moves, and the loads by which they weigh tenants.

pub(crate) mod loads;
pub(crate) mod plans;

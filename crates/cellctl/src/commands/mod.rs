//! The commands: `<noun>/<verb>.rs`.

pub(crate) mod audit;
pub(crate) mod cells;
pub(crate) mod dlq;
pub(crate) mod moves;
pub(crate) mod plan;
pub(crate) mod rebalance;
pub(crate) mod simulate;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod tenants;

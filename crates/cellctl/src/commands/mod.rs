//! The commands: `<noun>/<verb>.rs`.

pub(crate) mod audit;
pub(crate) mod cells;
pub(crate) mod dlq;
pub(crate) mod progress;
pub(crate) mod snapshot;
pub(crate) mod tenants;

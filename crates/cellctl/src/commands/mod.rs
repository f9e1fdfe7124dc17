//! The commands: `<noun>/<verb>.rs`.

pub(crate) mod dlq;
pub(crate) mod progress;
pub(crate) mod snapshot;

//! Callers: their requests, drawn from a seed, and their tries.

mod caller;
mod text;
pub(crate) mod workload;

pub(crate) use caller::Caller;

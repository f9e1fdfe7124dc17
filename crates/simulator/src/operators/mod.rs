//! Operators: people and their tools, alongside the callers.

pub(crate) mod marker;
pub(crate) mod mover;
mod redrive;

pub(crate) use redrive::{Redrives, Report, redrive_all, redrive_together};

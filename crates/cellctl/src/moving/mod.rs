//! A move of a tenant, run from this machine: its steps, its take-over by another operator, and its reports.

mod claim;
mod engine;
mod manner;
mod predict;
mod report;
mod sites;

pub(crate) use claim::{abort, claim, may_abort};
pub(crate) use engine::{Ended, Engine, Stage};
pub(crate) use manner::Manner;
pub(crate) use predict::Prediction;
pub(crate) use report::{PausedBy, Reporter, ShownMove};
pub(crate) use sites::Sites;

//! Faults on demand: a developer takes a served stack's cell down from another terminal, and sees it come back.
//!
//! They are the embedded AWS's faults, as in the simulator, named by the effect that a cell's owner would see on AWS.

mod board;
mod kind;

pub use board::{Change, Changed, Cleared, FaultBoard, Order, Posted};
pub use kind::Kind;

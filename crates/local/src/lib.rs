//! The local tools of a stack: serve it, watch a demo, simulate, fuzz.
//!
//! A team's own `cellstack-local` is a crate whose `main` is `cellstack_local::run(processor)`, with an [`Application`] that
//! overrides the defaults that do not fit the processor. [`Totals`] is the reference.

mod commands;
pub mod demo;
pub mod fuzz;
mod run;

pub use cellstack_consumer::Totals;
pub use cellstack_core::{EventRecord, EventStatus};
pub use cellstack_simulator::{Application, Draft, Partition};
pub use rand;
pub use run::run;

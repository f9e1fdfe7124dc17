//! The consumer of a cell: messages on the queue become effects in the table, each event once.
//!
//! A team's own consumer is a crate whose `main` is `cellstack_consumer::run(processor)`, with a [`Processor`] that
//! holds its business logic. [`Totals`] is the reference.

mod acknowledge;
mod addition;
mod amount;
mod batch;
mod commit;
mod conclude;
mod dead_letter;
mod effects;
mod failure;
mod fresh;
mod handler;
mod invocation;
mod item;
mod lambda;
mod process;
mod processor;
mod returning;
#[cfg(test)]
mod scripted;
mod settings;
mod settle;
mod totals;

pub use addition::Addition;
pub use cellstack_core::{EventId, Message, TenantId};
pub use effects::{Effect, Effects};
pub use handler::Consumer;
pub use lambda::run;
pub use processor::{ProcessError, Processor};
pub use settings::{Clients, Settings};
pub use totals::Totals;

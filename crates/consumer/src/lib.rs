//! The consumer of a cell: messages on the queue become effects in the table, each event once.

mod acknowledge;
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
// The one line that says where the business logic is: name your file here. It offers `processor()`.
#[path = "totals.rs"]
mod logic;
mod processor;
mod returning;
mod run;
#[cfg(test)]
mod scripted;
mod settings;
mod settle;

pub use effects::{Effect, Effects};
pub use handler::Consumer;
pub use logic::processor;
pub use processor::{ProcessError, Processor};
pub use settings::{Clients, Settings};

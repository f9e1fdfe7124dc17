//! `cellctl`, the operator's tool. It is not on the request path: nothing that serves a request needs it.
//!
//! Commands are `commands/<noun>/<verb>.rs`. Code that decides (`dlq/redrive/decide`, the filters, the rate limit)
//! makes no AWS call; code that calls AWS takes its clients and clocks from [`Deployment`], so that tests run commands
//! in process over the embedded stack.

mod audit;
mod cells;
mod cli;
mod commands;
mod completion;
mod console;
mod deployment;
#[cfg(feature = "operator")]
mod diagnosis;
mod dlq;
pub mod duration;
mod erasing;
mod exporting;
mod files;
pub mod health;
mod moving;
mod operator;
mod placing;
mod planning;
mod tenants;
mod write_units;

pub use cli::Cli;
pub use completion::Completion;
pub use console::Console;
pub use deployment::Deployment;
#[cfg(feature = "operator")]
pub use diagnosis::{Destination, Diagnosis};

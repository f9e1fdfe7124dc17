//! `cellctl`, the operator's tool. It stands beside the request path: nothing that serves a request needs it.
//!
//! Commands are `commands/<noun>/<verb>.rs`. What decides (`redrive`'s `decide`, the filters, the pace) makes no AWS
//! call; what calls AWS takes its clients and clocks from [`Estate`], so that tests run commands in process over the
//! embedded stack.

mod audit;
mod cells;
mod cli;
mod commands;
mod console;
mod diagnosis;
mod estate;
mod letters;
mod operator;
mod redrive;
mod survey;

pub use cli::{Cli, Ending};
pub use console::Console;
pub use diagnosis::{Destination, Diagnosis};
pub use estate::{Estate, Stop};

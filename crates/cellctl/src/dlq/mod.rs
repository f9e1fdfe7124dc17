//! Dead letters: read where they are queued, filtered, redriven.

mod filter;
mod found;
mod note;
mod queue;
mod reader;
pub(crate) mod redrive;

pub(crate) use filter::Filter;
pub(crate) use found::{Found, Subject};
pub(crate) use note::Window;
pub(crate) use queue::{DeadLetterQueue, HOLD, PLACES, queues};
pub(crate) use reader::Reader;

//! The consumer of a cell: messages on the queue become effects in the table, each event once.

mod batch;
mod commit;
mod effects;
mod give_up;
mod handler;
// The one line that says where the business logic is: name your file here. It offers `processor()`.
#[path = "totals.rs"]
mod logic;
mod processor;

pub use effects::{Effect, Effects};
pub use handler::{Clients, Consumer, Settings};
pub use logic::processor;
pub use processor::{ProcessError, Processor};

//! The redrive of letters: the event of each is sent to the cell that owns its tenant now.
//!
//! An event's item in its cell is the truth: it shows whether anything is left to do, and the message that is sent is
//! made from it. The letter only names the event. A letter is deleted after its message was sent, never before. A run
//! that is killed in between sends the same message again when it is run again, and the consumer's guard makes that one
//! effect.

mod compose;
mod decide;
mod rate;
mod report;
mod run;
mod store;
mod sweep;

pub(crate) use rate::Rate;
pub(crate) use report::{Report, Row};
pub(crate) use run::{Limits, Redrive};

//! The producer of a cell: new events on the table's stream become messages on the topic, in order within a shard.

mod decode;
mod handler;
mod publish;
mod quarantine;
mod schedule;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

pub use decode::StreamEvent;
pub use handler::{Clients, Producer, Settings};

//! The producer of a cell: new events on the table's stream become messages on the topic, in order within a shard.

mod batch;
mod decode;
mod handler;
mod publish;
mod quarantine;

pub use decode::StreamEvent;
pub use handler::{Clients, Producer, Settings};

//! The producer of a cell: new events on the table's stream become messages on the topic, in order within a shard.

mod batch;
mod decode;
mod handler;
mod publish;

pub use handler::{Producer, Settings};

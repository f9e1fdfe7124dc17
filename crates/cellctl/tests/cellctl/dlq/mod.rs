//! `cellctl dlq` over the embedded stack.

mod binary;
mod fifo;
mod kill;
mod look;
mod moved;
mod purge;
mod redrive;
mod stream;
pub(crate) mod world;

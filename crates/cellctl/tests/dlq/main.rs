//! `cellctl dlq` over the embedded stack.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod binary;
mod fifo;
mod kill;
mod look;
mod moved;
mod purge;
#[path = "../common/ran.rs"]
mod ran;
mod redrive;
mod stream;
mod world;

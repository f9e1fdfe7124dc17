//! Orders: through the stack, under faults, and with bugs.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod bugs;
mod demo;
mod gateway;
mod processor;
mod simulate;

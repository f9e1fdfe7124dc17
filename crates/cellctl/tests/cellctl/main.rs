//! `cellctl` over the embedded stack, and its binary with a wrong environment or wrong arguments.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod automation;
mod cells;
mod dlq;
mod environment;
mod help;
mod kill;
mod moves;
mod ran;
mod simulate;
mod snapshot;
mod tenants;
mod transcripts;

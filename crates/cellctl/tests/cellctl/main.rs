//! `cellctl` over the embedded stack, and its binary where the environment or the arguments are wrong.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod dlq;
mod environment;
mod help;
mod ran;
mod snapshot;

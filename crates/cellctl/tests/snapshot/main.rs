//! `cellctl snapshot` over the embedded stack.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod show;
mod world;
mod write;

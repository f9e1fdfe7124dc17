//! The prober over the embedded stack: rounds of its handler, and its binary with wrong settings.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod failed;
mod marks;
mod sample;
mod settings;
mod world;

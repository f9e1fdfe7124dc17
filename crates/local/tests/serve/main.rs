//! `cellstack-local serve` as a process: how it ends, what a second terminal can do to it.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod bound;
mod data;
mod ends;
mod faults;
mod world;

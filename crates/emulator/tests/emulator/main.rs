//! The emulator as its users see it: its endpoint, its faults, its refusals, and its use from one thread.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod cloudwatch;
mod endpoint;
mod faults;
mod large;
mod pages;
mod refused;
mod thread;

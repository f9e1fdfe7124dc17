//! `cellctl snapshot` over the embedded stack.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

#[path = "../common/ran.rs"]
mod ran;
mod show;
mod world;
mod write;

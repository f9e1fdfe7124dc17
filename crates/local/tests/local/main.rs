//! `cellstack-local`: its served stack, its demo and its fuzzer.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod demo;
mod fuzz;
mod serve;
mod tenant_source;

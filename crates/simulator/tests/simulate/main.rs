//! The simulator: a bounded set of seeds keeps every invariant, planted mutations are found, a seed runs the same way again.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod application;
mod control_plane_cut;
mod moves;
mod mutations;
mod scenarios;
mod seeds;

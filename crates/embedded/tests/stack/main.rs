//! The real handlers over the embedded AWS: what callers see, what faults do, what the samples in `events/` promise.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod api;
mod batch;
mod bench;
mod busy;
mod dead_letters;
mod deadline;
mod environment;
mod failed_cell;
mod faults;
mod fence;
mod first_sight;
mod first_sight_redelivery;
mod held;
mod lease;
mod listing;
mod moved;
mod mutations;
mod ordering;
mod pipeline;
mod samples;
mod snapshot;
mod standby;
mod suspects;
mod text;
mod totals;
mod wait;
mod world;

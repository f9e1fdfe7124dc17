//! The real handlers over the embedded AWS: what callers see, what faults do, what the samples in `events/` promise.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod api;
mod dead_letters;
mod faults;
mod fence;
mod ordering;
mod pipeline;
mod samples;
mod world;

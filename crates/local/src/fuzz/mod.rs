//! The fuzzer: it hands the real router, over a DynamoDB that always responds, invocation events that are right, nearly
//! right and nowhere near. The router must respond to each of them, never with a 5xx, and accept nothing that can't be
//! published.
//!
//! cargo-fuzz requires a nightly compiler; this fuzzer does not. It has no feedback from coverage, but knows what an
//! event looks like: its cases begin as requests that are right and are then changed in a few places.

mod case;
mod cloud;
mod event;
mod json;
mod minimise;
mod oracle;
mod request;
mod run;
mod text;
mod token;
mod world;

pub use case::Form;
pub use run::{Finding, Fuzz, Report, Tally};

//! AWS clients with time-outs, and what a failed call means.

mod client;
mod failure;

pub use client::{config, http_client, timeouts};
pub use failure::{AwsFailure, FailureKind, chain};

//! Calls to AWS: clients with time-outs, signing, transport, the meaning of a failure, and pauses between tries.

pub mod backoff;
mod client;
mod failure;
pub mod fetch;
mod function;
pub mod pieces;
pub mod signed;
mod signing;
pub mod transaction;
mod transport;
mod user_agent;

#[cfg(feature = "operator")]
pub use client::config;
pub use client::{http_client, timeouts};
pub use failure::{AwsFailure, FailureKind, chain};
pub use function::function_config;
pub use signing::CachedKeySigV4;
pub(crate) use transport::ResponseLimit;
pub use user_agent::UserAgentOnly;

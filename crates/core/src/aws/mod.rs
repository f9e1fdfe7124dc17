//! AWS clients with time-outs, and what a failed call means.

mod client;
mod failure;
mod function;
mod quiet;
mod sign;
mod transport;

#[cfg(feature = "operator")]
pub use client::config;
pub use client::{http_client, timeouts};
pub use failure::{AwsFailure, FailureKind, chain};
pub use function::function_config;
pub use quiet::Quiet;
pub use sign::QuickSigV4;
pub(crate) use transport::AnswerLimit;

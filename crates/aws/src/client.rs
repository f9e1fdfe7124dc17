//! Clients of AWS and of the web, and the configuration of an operator's clients.

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use cellstack_core::limits::{ATTEMPT_TIMEOUT, MAX_ATTEMPTS, OPERATION_TIMEOUT};

use crate::transport;

/// Returns a client that trusts the machine's certificates.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    transport::native()
}

/// Returns the configuration of an operator's clients: environment, profile, single sign-on, instance role, proxy. A
/// function takes [`function_config`](crate::function_config) instead, and none of this is in its code.
#[cfg(feature = "operator")]
pub async fn config() -> aws_types::SdkConfig {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let provider = Provider::Rustls(CryptoMode::Ring);
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().tls_provider(provider).build_https())
        .timeout_config(timeouts())
        .retry_config(retries())
        .load()
        .await
}

/// Returns time-outs for attempts and operations, both below any function's time-out. The SDK itself sets neither.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .connect_timeout(ATTEMPT_TIMEOUT)
        .build()
}

pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}

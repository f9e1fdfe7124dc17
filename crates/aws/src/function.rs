//! The configuration of a function's clients, from Lambda's environment variables and nothing else.
//!
//! The SDK's own chain reads files, metadata services and single sign-on, which a function does not have. Its code is a
//! megabyte of each zip, and those reads take time at each start.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use cellstack_core::config::{ConfigError, var};

use crate::client::{retries, timeouts};
use crate::transport;

/// The roots that AWS's endpoints chain to. Reading these five is quicker than reading a machine's hundred and fifty.
const ROOTS: &[u8] = include_bytes!("roots.pem");

/// A file of roots to trust instead: a proxy's, or those of a partition whose endpoints chain to others (China).
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Returns the configuration of a function's clients: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
/// `AWS_SESSION_TOKEN`, which Lambda sets and does not change while an environment lives; `AWS_CA_BUNDLE`; and
/// `AWS_ENDPOINT_URL`, or `AWS_ENDPOINT_URL_<SERVICE>` before it.
///
/// # Errors
/// When the Region or the keys are not set, or the bundle holds no certificate.
pub fn function_config() -> Result<SdkConfig, ConfigError> {
    const KEY: &str = "an access key; Lambda sets it to that of the function's role";
    let region: String = var("AWS_REGION", "the region of the function's resources, such as eu-central-1")?;
    let key: String = var("AWS_ACCESS_KEY_ID", KEY)?;
    let secret: String = var("AWS_SECRET_ACCESS_KEY", KEY)?;
    let credentials = Credentials::new(key, secret, set("AWS_SESSION_TOKEN"), None, "environment");
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client()?)
        .sleep_impl(TokioSleep::new())
        .service_config(Environment)
        .timeout_config(timeouts())
        .retry_config(retries())
        // Each call has a time-out of its own, and no response is longer than a few hundred kilobytes.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    builder.set_endpoint_url(set("AWS_ENDPOINT_URL"));
    Ok(builder.build())
}

/// Returns a client that trusts the pinned roots, or those of the bundle.
fn http_client() -> Result<SharedHttpClient, ConfigError> {
    let Some(path) = set(CA_BUNDLE) else {
        return Ok(transport::pinned(ROOTS));
    };
    let invalid = |reason| ConfigError::Invalid {
        name: CA_BUNDLE,
        expected: "a PEM file of the certificates to trust",
        found: path.clone(),
        reason,
    };
    let pem = std::fs::read(&path).map_err(|error| invalid(error.to_string()))?;
    transport::trusting(&pem).map_err(|error| invalid(error.to_string()))
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The settings of one service from the environment, such as `AWS_ENDPOINT_URL_DYNAMODB`.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        set(&format!("{}_{}", key.env(), key.service_id().to_ascii_uppercase().replace(' ', "_")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_roots_are_the_five_of_amazon_trust_services() {
        let roots = std::str::from_utf8(ROOTS).unwrap();
        assert_eq!(roots.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        transport::trusting(ROOTS).unwrap();
    }

    #[test]
    fn what_holds_no_certificate_is_refused() {
        let refused = |pem: &[u8]| transport::trusting(pem).unwrap_err().to_string();
        assert_eq!(refused(b""), "it holds no certificate");
        assert_eq!(refused(b"not a certificate"), "it holds no certificate");
        assert!(refused(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").starts_with("it is not PEM"));
        let empty = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(!refused(empty).is_empty());
    }
}

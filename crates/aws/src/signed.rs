//! A request to a service that has no client here: signed by Signature Version 4, sent once over the configuration's HTTP client.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::chain;
use crate::fetch::{FetchError, Fetched, exchange};

/// The error of a signed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// The configuration lacks a part that the request needs, or the request can't be signed.
    #[error("{0}")]
    Config(String),
    /// The request returned no body.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// A request without its signature.
#[derive(Debug)]
pub struct Unsigned {
    /// The service's name in the signature, such as `s3`.
    pub service: &'static str,
    /// The method.
    pub method: &'static str,
    /// The whole URL, its path and query escaped.
    pub url: String,
    /// Headers that the signature covers.
    pub headers: Vec<(&'static str, String)>,
    /// The SHA-256 of the body.
    pub sha256: String,
    /// The body.
    pub body: SdkBody,
}

impl Unsigned {
    /// Sends the request with its signature. Its status must be the expected one, its body have at most `limit` bytes, and both
    /// come within `timeout`, the read of the credentials included.
    ///
    /// # Errors
    /// See [`SignedError`].
    #[expect(clippy::disallowed_methods, reason = "a signature bears the real time")]
    pub async fn send(
        self,
        config: &SdkConfig,
        expected: u16,
        limit: usize,
        timeout: Duration,
    ) -> Result<Fetched, SignedError> {
        let lacking = |what: &str| SignedError::Config(format!("no {what} is configured"));
        let client = config.http_client().ok_or_else(|| lacking("HTTP client"))?;
        let provider = config.credentials_provider().ok_or_else(|| lacking("credentials provider"))?;
        let region = config.region().ok_or_else(|| lacking("region"))?;
        let now = config.time_source().map_or_else(SystemTime::now, |clock| clock.now());
        let response = async {
            let credentials = provider.provide_credentials().await;
            let credentials = credentials.map_err(|error| SignedError::Config(chain(&error)))?;
            let request = self.sign(credentials, region.as_ref(), now)?;
            // The inner limit never ends the call first: the outer one also covers the read of the credentials.
            Ok(exchange(&client, request, expected, limit, timeout).await?)
        };
        tokio::time::timeout(timeout, response).await.unwrap_or(Err(FetchError::Timeout(timeout).into()))
    }

    /// Returns the request with Signature Version 4 as S3 expects it, which every service takes for a path that needs no
    /// normalization: the path as it is, the body's hash in a header
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).
    fn sign(self, credentials: Credentials, region: &str, now: SystemTime) -> Result<HttpRequest, SignedError> {
        let Self { service, method, url, headers, sha256, body } = self;
        let broken = |error: &dyn std::error::Error| SignedError::Config(chain(error));
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let parameters =
            v4::SigningParams::builder().identity(&identity).region(region).name(service).time(now).settings(settings);
        let parameters = parameters.build().map_err(|error| broken(&error))?.into();
        let covered = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new(method, &url, covered, SignableBody::Precomputed(sha256));
        let signed = sign(signable.map_err(|error| broken(&error))?, &parameters).map_err(|error| broken(&error))?;
        let (instructions, _) = signed.into_parts();

        let mut request = HttpRequest::new(body);
        request.set_method(method).map_err(|error| broken(&error))?;
        request.set_uri(url.as_str()).map_err(|error| broken(&error))?;
        let added = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in headers.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(added) {
            request.headers_mut().try_insert(name, value).map_err(|error| broken(&error))?;
        }
        Ok(request)
    }
}

/// Returns a service's endpoint, if one is configured: its own, as in `AWS_ENDPOINT_URL_S3`, before that of all, as in the SDK's own
/// clients.
#[must_use]
pub fn endpoint(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service_id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let own = config.service_config().zip(key.build().ok()).and_then(|(services, key)| services.load_config(key));
    let endpoint = own.or_else(|| config.endpoint_url().map(ToOwned::to_owned));
    endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned())
}

/// Returns the domain of a region's endpoints.
#[must_use]
pub fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use cellstack_core::hex::sha256;

    use super::*;

    fn signed(url: &str, headers: Vec<(&'static str, String)>) -> HttpRequest {
        let (now, url) = (UNIX_EPOCH + Duration::from_secs(1_369_353_600), url.to_owned());
        let (sha256, body) = (sha256(""), SdkBody::empty());
        let credentials =
            Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test");
        let request = Unsigned { service: "s3", method: "GET", url, headers, sha256, body };
        request.sign(credentials, "us-east-1", now).unwrap()
    }

    /// The examples "GET Bucket Lifecycle" and "GET Object" of
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
    #[test]
    fn the_examples_of_the_documentation_are_signed_as_it_says() {
        let request = signed("https://examplebucket.s3.amazonaws.com/?lifecycle", Vec::new());
        let expected = concat!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ",
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date, ",
            "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        );
        assert_eq!(request.headers().get("authorization"), Some(expected));
        let range = vec![("range", "bytes=0-9".to_owned())];
        let request = signed("https://examplebucket.s3.amazonaws.com/test.txt", range);
        let expected = concat!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ",
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, ",
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        );
        assert_eq!(request.headers().get("authorization"), Some(expected));
        assert_eq!(request.headers().get("range"), Some("bytes=0-9"));
    }
}

//! A request to S3, and its signature.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use cellstack_aws::chain;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::snapshot::SnapshotError;

/// The bytes of a key that need no escape in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Returns the object's URL: at the configured endpoint, else at the Region's. A bucket whose name has dots is part of
/// the path, since the Region's certificate does not cover it as a host name.
pub(super) fn url(config: &SdkConfig, bucket: &str, key: &str) -> Result<String, SnapshotError> {
    let key = utf8_percent_encode(key, PATH);
    if let Some(endpoint) = endpoint(config) {
        return Ok(format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')));
    }
    let region = config.region().ok_or_else(|| SnapshotError::Config("no region is configured".to_owned()))?;
    let suffix = if region.as_ref().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(if bucket.contains('.') {
        format!("https://s3.{region}.{suffix}/{bucket}/{key}")
    } else {
        format!("https://{bucket}.s3.{region}.{suffix}/{key}")
    })
}

/// Returns the endpoint: `AWS_ENDPOINT_URL_S3` before `AWS_ENDPOINT_URL`, as in the SDK's own clients.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    let own = config.service_config().and_then(|services| services.load_config(key));
    own.or_else(|| config.endpoint_url().map(ToOwned::to_owned))
}

/// A request without its signature.
pub(super) struct Unsigned {
    pub(super) method: &'static str,
    pub(super) url: String,
    /// Headers that the signature covers.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The SHA-256 of the body.
    pub(super) sha256: String,
    pub(super) body: SdkBody,
}

impl Unsigned {
    /// Returns the request with Signature Version 4 as S3 expects it: the path as it is, the body's hash in a header
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).
    pub(super) fn sign(
        self,
        credentials: Credentials,
        region: &str,
        now: SystemTime,
    ) -> Result<HttpRequest, SnapshotError> {
        let Self { method, url, headers, sha256, body } = self;
        let broken = |error: &dyn std::error::Error| SnapshotError::Config(chain(error));
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let parameters =
            v4::SigningParams::builder().identity(&identity).region(region).name("s3").time(now).settings(settings);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use cellstack_core::hex::sha256;

    use super::super::server::{config, credentials};
    use super::*;

    fn signed(url: &str, headers: Vec<(&'static str, String)>) -> HttpRequest {
        let now = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let request =
            Unsigned { method: "GET", url: url.to_owned(), headers, sha256: sha256(""), body: SdkBody::empty() };
        request.sign(credentials(), "us-east-1", now).unwrap()
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

    #[test]
    fn an_object_is_at_its_bucket_in_the_region_or_at_the_endpoint() {
        let url = |endpoint, region, bucket| url(&config(endpoint, region), bucket, "a b/ü+.json").unwrap();
        let key = "a%20b/%C3%BC%2B.json";
        assert_eq!(url(None, "eu-central-1", "maps"), format!("https://maps.s3.eu-central-1.amazonaws.com/{key}"));
        assert_eq!(url(None, "cn-north-1", "maps"), format!("https://maps.s3.cn-north-1.amazonaws.com.cn/{key}"));
        assert_eq!(url(None, "us-east-1", "my.maps"), format!("https://s3.us-east-1.amazonaws.com/my.maps/{key}"));
        assert_eq!(url(Some("http://127.0.0.1:9/"), "us-east-1", "maps"), format!("http://127.0.0.1:9/maps/{key}"));
    }
}

//! One S3 object, read or written whole. Two requests do not need a client of their own: they are signed here and go
//! over the configuration's HTTP client.

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
use cellstack_aws::chain;
use cellstack_aws::fetch::{FetchError, exchange};
use cellstack_core::limits::SNAPSHOT_MAX;
use cellstack_core::snapshot::InvalidSnapshot;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::SnapshotError;

/// The bytes of a key that need no escape in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Reads an object.
pub(super) async fn get(
    config: &SdkConfig,
    bucket: &str,
    key: &str,
    timeout: Duration,
) -> Result<Vec<u8>, SnapshotError> {
    call(config, "GET", &url(config, bucket, key)?, Vec::new(), timeout).await
}

/// Writes an object.
pub(super) async fn put(
    config: &SdkConfig,
    bucket: &str,
    key: &str,
    body: Vec<u8>,
    timeout: Duration,
) -> Result<(), SnapshotError> {
    call(config, "PUT", &url(config, bucket, key)?, body, timeout).await.map(drop)
}

#[expect(clippy::disallowed_methods, reason = "a signature bears the real time")]
async fn call(
    config: &SdkConfig,
    method: &'static str,
    url: &str,
    body: Vec<u8>,
    timeout: Duration,
) -> Result<Vec<u8>, SnapshotError> {
    let lacking = |what: &str| SnapshotError::Config(format!("no {what} is configured"));
    let client = config.http_client().ok_or_else(|| lacking("HTTP client"))?;
    let provider = config.credentials_provider().ok_or_else(|| lacking("credentials provider"))?;
    let region = config.region().ok_or_else(|| lacking("region"))?;
    let now = config.time_source().map_or_else(SystemTime::now, |clock| clock.now());
    let response = async {
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| SnapshotError::Config(chain(&error)))?;
        let request = signed(method, url, body, credentials, region.as_ref(), now)?;
        // The inner limit never ends the call first: the outer one also covers the read of the credentials.
        exchange(&client, request, SNAPSHOT_MAX, timeout).await.map_err(|error| match error {
            FetchError::Status { status: 404, ref excerpt } if !excerpt.contains("NoSuchBucket") => {
                SnapshotError::Missing
            }
            FetchError::TooLarge(_) => SnapshotError::Invalid(InvalidSnapshot::TooLarge),
            error => SnapshotError::S3(error),
        })
    };
    tokio::time::timeout(timeout, response).await.unwrap_or(Err(SnapshotError::S3(FetchError::Timeout(timeout))))
}

/// Returns the object's URL: at the configured endpoint, else at the Region's. A bucket whose name has dots is part of
/// the path, since the Region's certificate does not cover it as a host name.
fn url(config: &SdkConfig, bucket: &str, key: &str) -> Result<String, SnapshotError> {
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

/// Returns a request with Signature Version 4 as S3 expects it: the path as it is, the body's hash in a header
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).
fn signed(
    method: &'static str,
    url: &str,
    body: Vec<u8>,
    credentials: Credentials,
    region: &str,
    now: SystemTime,
) -> Result<HttpRequest, SnapshotError> {
    let broken = |error: &dyn std::error::Error| SnapshotError::Config(chain(error));
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = credentials.into();
    let parameters =
        v4::SigningParams::builder().identity(&identity).region(region).name("s3").time(now).settings(settings);
    let parameters = parameters.build().map_err(|error| broken(&error))?.into();
    let signable = SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(&body));
    let signed = sign(signable.map_err(|error| broken(&error))?, &parameters).map_err(|error| broken(&error))?;
    let (instructions, _) = signed.into_parts();

    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method).map_err(|error| broken(&error))?;
    request.set_uri(url).map_err(|error| broken(&error))?;
    for (name, value) in instructions.headers() {
        request.headers_mut().try_insert(name.to_owned(), value.to_owned()).map_err(|error| broken(&error))?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::UNIX_EPOCH;

    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_types::region::Region;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::tests::snapshot;
    use cellstack_core::hex::sha256;
    use cellstack_core::snapshot::Snapshot;

    use super::super::SnapshotSource;
    use super::*;

    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

    fn credentials() -> Credentials {
        Credentials::new(KEY, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test")
    }

    fn config(endpoint: Option<&str>, region: &str) -> SdkConfig {
        let mut builder = SdkConfig::builder()
            .http_client(cellstack_aws::http_client())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials()));
        builder.set_endpoint_url(endpoint.map(ToOwned::to_owned));
        builder.build()
    }

    /// The example "GET Bucket Lifecycle" of
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
    #[test]
    fn the_example_of_the_documentation_is_signed_as_it_says() {
        let now = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let url = "https://examplebucket.s3.amazonaws.com/?lifecycle";
        let request = signed("GET", url, Vec::new(), credentials(), "us-east-1", now).unwrap();
        let expected = concat!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ",
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date, ",
            "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        );
        assert_eq!(request.headers().get("authorization"), Some(expected));
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

    /// Starts a server that stores objects. Returns its endpoint and the requests that it received.
    async fn server(response: Option<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::<String>::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut object: Option<Vec<u8>> = None;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut bytes, mut buffer) = (Vec::new(), [0; 65_536]);
                let (head, body) = loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    bytes.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .lines()
                        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                    let body = &bytes[head.len() + 4..];
                    if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                        break (head.to_owned(), body.to_vec());
                    }
                };
                let (status, content) = match (response, head.starts_with("PUT"), &object) {
                    (Some(response), _, _) => (response, Vec::new()),
                    (None, true, _) => {
                        object = Some(body.clone());
                        ("200 OK", Vec::new())
                    }
                    (None, false, Some(object)) => ("200 OK", object.clone()),
                    (None, false, None) => ("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
                };
                seen.lock().unwrap().push(format!("{head}\r\nbody-sha256: {}", sha256(&body)));
                let head =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", content.len());
                stream.write_all(&[head.as_bytes(), &content].concat()).await.unwrap();
            }
        });
        (endpoint, requests)
    }

    #[tokio::test]
    async fn an_object_is_written_and_read_with_its_hash_signed() {
        let (endpoint, requests) = server(None).await;
        let config = config(Some(&endpoint), "eu-west-1");
        let source: SnapshotSource = "s3://maps/cell stack/map".parse().unwrap();
        assert!(matches!(source.read(&config).await, Err(SnapshotError::Missing)));
        let taken = snapshot(2_000);
        source.write(&config, &taken).await.unwrap();
        let read: Snapshot = source.read(&config).await.unwrap();
        assert_eq!(read, taken);

        let requests = requests.lock().unwrap().clone();
        let line = |request: &str, name: &str| {
            let found = request.lines().find_map(|line| line.strip_prefix(name).map(ToOwned::to_owned));
            found.unwrap_or_else(|| panic!("no {name} in {request}"))
        };
        for (request, method) in requests.iter().zip(["GET", "PUT", "GET"]) {
            assert!(request.starts_with(&format!("{method} /maps/cell%20stack/map HTTP/1.1")), "{request}");
            assert_eq!(line(request, "x-amz-content-sha256: "), line(request, "body-sha256: "));
            assert_eq!(format!("http://{}", line(request, "host: ")), endpoint);
            let authorization = line(request, "authorization: ");
            assert!(authorization.contains("/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-"), "{authorization}");
        }
        assert_eq!(line(&requests[1], "body-sha256: "), sha256(taken.encode()));
    }

    #[tokio::test]
    async fn a_refusal_is_told_and_says_whether_to_try_again() {
        for (response, retryable) in [("403 Forbidden", false), ("503 Slow Down", true), ("301 Moved", false)] {
            let (endpoint, _) = server(Some(response)).await;
            let config = config(Some(&endpoint), "eu-west-1");
            let error = get(&config, "maps", "map", Duration::from_secs(5)).await.unwrap_err();
            let text = chain(&error);
            let expected = format!("S3 did not give or take it: the server responded with {}", &response[..3]);
            assert_eq!(text, expected);
            assert_eq!(error.is_retryable(), retryable, "{response}");
        }
        let nothing = SdkConfig::builder().build();
        let error = get(&nothing, "maps", "map", Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, SnapshotError::Config(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_bucket_that_hangs_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(Some(&format!("http://{}", listener.local_addr().unwrap())), "eu-west-1");
        let error = get(&config, "maps", "map", Duration::from_millis(200)).await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
    }
}

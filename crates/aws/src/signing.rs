//! Signature Version 4 for a function's most frequent calls, at a third of the SDK's instructions
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//!
//! The SDK derives the key anew for each request, though it changes once per day, and signs headers that no service
//! requires to be signed. The SDK's own signer still signs any request other than a plain `POST /` with its body in
//! memory, and every retry, whose clock the SDK may have corrected by the service's.

use cellstack_core::sync::lock;
use std::fmt;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4Signer};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::{GetIdentityResolver, RuntimeComponents};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use ring::{digest, hmac};

use cellstack_core::hex::hex;

/// An authentication scheme in place of the SDK's scheme of the same name. It keeps the derived key.
#[derive(Debug, Default)]
pub struct CachedKeySigV4 {
    signer: Signer,
}

impl AuthScheme for CachedKeySigV4 {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        &self.signer
    }
}

#[derive(Debug, Default)]
struct Signer {
    sdk: SigV4Signer,
    key: Mutex<Option<Key>>,
}

/// The key that signs one day's requests to one service.
#[derive(Clone)]
struct Key {
    secret: String,
    /// The scope, such as `20260101/us-east-1/dynamodb/aws4_request`.
    scope: String,
    key: hmac::Key,
}

/// Leaves the secret out: printed values reach a log one day.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Signer {
    fn key(&self, secret: &str, scope: String) -> Key {
        let mut cached = lock(&self.key);
        match &*cached {
            Some(key) if key.scope == scope && key.secret == secret => key.clone(),
            _ => cached.insert(Key { secret: secret.to_owned(), key: derive(secret, &scope), scope }).clone(),
        }
    }
}

impl Sign for Signer {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        endpoint: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        let of_endpoint = |name| endpoint.get(name).and_then(|value| value.as_string());
        let operation = config.load::<SigV4OperationSigningConfig>();
        let region =
            operation.and_then(|operation| operation.region.as_ref()).or_else(|| config.load::<SigningRegion>());
        let service = operation.and_then(|operation| operation.name.as_ref()).or_else(|| config.load::<SigningName>());
        let region = of_endpoint("signingRegion").or_else(|| region.map(AsRef::as_ref));
        let service = of_endpoint("signingName").or_else(|| service.map(AsRef::as_ref));
        let first_try = config.load::<RequestAttempts>().is_none_or(|attempts| attempts.attempts() <= 1);
        if let (Some(credentials), Some(region), Some(service), Some(host), true) =
            (identity.data::<Credentials>(), region, service, plain_post(request), first_try)
        {
            let now = components.time_source().unwrap_or_default().now();
            self.sign(request, credentials, &host, region, service, now);
            return Ok(());
        }
        self.sdk.sign_http_request(request, identity, endpoint, components, config)
    }
}

/// Returns the host of a `POST /` whose body is in memory; `None` for any other request.
fn plain_post(request: &HttpRequest) -> Option<String> {
    request.body().bytes()?;
    let (_, rest) = request.uri().split_once("://")?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    (request.method() == "POST" && !host.contains(['/', '?', '@'])).then(|| host.to_owned())
}

impl Signer {
    fn sign(
        &self,
        request: &mut HttpRequest,
        credentials: &Credentials,
        host: &str,
        region: &str,
        service: &str,
        now: SystemTime,
    ) {
        let time = basic_time(now);
        let date = time.get(..8).unwrap_or_default();
        let key = self.key(credentials.secret_access_key(), format!("{date}/{region}/{service}/aws4_request"));
        let headers = request.headers_mut();
        headers.insert("x-amz-date", time.clone());
        if let Some(token) = credentials.session_token() {
            headers.insert("x-amz-security-token", token.to_owned());
        }
        let mut signed: Vec<(&str, &[u8])> =
            request.headers().iter_bytes().filter(|(name, _)| must_sign(name)).collect();
        signed.push(("host", host.as_bytes()));
        signed.sort_unstable();
        let mut names = String::with_capacity(80);
        let mut canonical = digest::Context::new(&digest::SHA256);
        canonical.update(b"POST\n/\n\n");
        for (name, value) in signed {
            if !names.is_empty() {
                names.push(';');
            }
            names.push_str(name);
            for part in [name.as_bytes(), b":", value.trim_ascii(), b"\n"] {
                canonical.update(part);
            }
        }
        let body = digest::digest(&digest::SHA256, request.body().bytes().unwrap_or_default());
        for part in ["\n", &names, "\n", &hex(body)] {
            canonical.update(part.as_bytes());
        }
        let Key { scope, key, .. } = key;
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(canonical.finish()));
        let signature = hex(hmac::sign(&key, to_sign.as_bytes()));
        let id = credentials.access_key_id();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        request.headers_mut().insert("authorization", authorization);
    }
}

/// Returns whether a header must be signed: the host (added elsewhere), the content's type and all of Amazon's own
/// headers.
fn must_sign(name: &str) -> bool {
    name.starts_with("x-amz-") || name == "content-type"
}

fn derive(secret: &str, scope: &str) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in scope.split('/') {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}

/// Returns a time in ISO 8601's basic form, in UTC: `20260101T000000Z`.
fn basic_time(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of the year 0, in eras of 400 years (Howard Hinnant, "chrono-Compatible Low-Level Date
    // Algorithms").
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use aws_smithy_types::body::SdkBody;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Returns a request with the headers that the signer finds.
    fn request(body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").unwrap();
        request.set_uri("https://dynamodb.us-east-1.amazonaws.com/").unwrap();
        request.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.PutItem");
        request
    }

    /// Returns the signature that the SDK's crate makes of the request.
    fn reference(body: &str, credentials: &Credentials, at: SystemTime) -> String {
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("dynamodb")
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "DynamoDB_20120810.PutItem")];
        let url = "https://dynamodb.us-east-1.amazonaws.com/";
        let request = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let (instructions, _) = sign(request.unwrap(), &parameters).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        headers.iter().find(|header| header.name() == "authorization").unwrap().value().to_owned()
    }

    proptest! {
        #[test]
        fn signatures_are_the_sdks(
            body in ".{0,200}", secret in "[ -~]{1,60}", token in proptest::option::of("[A-Za-z0-9/+=]{1,80}"), at in 0_u64..7_000_000_000
        ) {
            let credentials = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
            let at = UNIX_EPOCH + Duration::from_secs(at);
            let (signer, mut request) = (Signer::default(), request(&body));
            // The second signature uses the cached key.
            for _ in 0..2 {
                let host = plain_post(&request).unwrap();
                signer.sign(&mut request, &credentials, &host, "us-east-1", "dynamodb", at);
                prop_assert_eq!(request.headers().get("authorization").unwrap(), reference(&body, &credentials, at));
            }
        }
    }

    /// A scheme whose signer the test can inspect.
    #[derive(Debug, Clone, Default)]
    struct Watched(Arc<CachedKeySigV4>);

    impl AuthScheme for Watched {
        fn scheme_id(&self) -> AuthSchemeId {
            self.0.scheme_id()
        }
        fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
            self.0.identity_resolver(resolvers)
        }
        fn signer(&self) -> &dyn Sign {
            self.0.signer()
        }
    }

    #[tokio::test]
    async fn a_client_signs_its_first_try_here_and_a_retry_by_the_sdk() {
        use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (watched, url) = (Watched::default(), format!("http://{}", listener.local_addr().unwrap()));
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::from_keys("AKIDEXAMPLE", "secret", None))
            .http_client(crate::http_client())
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
            .endpoint_url(url)
            .push_auth_scheme(watched.clone())
            .interceptor(crate::UserAgentOnly)
            .build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        let server = tokio::spawn(async move {
            let mut requests = Vec::new();
            for status in ["503 Busy", "200 OK"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut part = [0; 4096];
                let read = stream.read(&mut part).await.unwrap();
                requests.push(String::from_utf8(part[..read].to_vec()).unwrap());
                let response = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                stream.write_all(response.as_bytes()).await.unwrap();
            }
            requests
        });
        client.list_tables().send().await.unwrap();
        let requests = server.await.unwrap();
        let scope = watched.0.signer.key.lock().unwrap().as_ref().unwrap().scope.clone();
        assert!(scope.ends_with("/us-east-1/dynamodb/aws4_request"), "{scope}");
        assert!(requests[0].contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"), "{}", requests[0]);
        for request in &requests {
            assert!(request.contains("\r\nuser-agent: cellstack/"), "{request}");
            assert!(request.contains(&scope) && !request.contains("amz-sdk"), "{request}");
        }
    }

    #[test]
    fn what_is_not_a_plain_post_is_left_to_the_sdk() {
        assert!(plain_post(&request("{}")).is_some());
        for uri in ["https://host/path", "https://host/?query", "https://user@host/", "/"] {
            let mut request = request("{}");
            request.set_uri(uri).unwrap();
            assert_eq!(plain_post(&request), None, "{uri}");
        }
        let mut get = request("");
        get.set_method("GET").unwrap();
        assert_eq!(plain_post(&get), None);
    }
}

//! One HTTP request over the SDK's client: no retries, no redirects, a limit on time and on size.

use std::time::Duration;

use aws_smithy_runtime::client::auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::identity::no_auth::NoAuthIdentityResolver;
use aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use aws_smithy_runtime::client::retries::strategy::NeverRetryStrategy;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::http::{HttpClient as _, HttpConnector as _};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::{ResponseLimit, chain};

/// The error of a request that returned no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The request can't be sent: the URL or a header is invalid. Another try does not help.
    #[error("the request can't be sent: {0}")]
    Request(String),
    /// The server could not be reached, or the connection broke. A later try may pass.
    #[error("the server can't be reached: {0}")]
    Unreachable(String),
    /// There was no whole response in time. A later try may pass.
    #[error("no whole response within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The server responded with a status other than `200`. A redirect is such a response.
    #[error("the server responded with {status}{}{excerpt}", if .excerpt.is_empty() { "" } else { ": " })]
    Status {
        /// The response's status.
        status: u16,
        /// The beginning of the body, on one line.
        excerpt: String,
    },
    /// The body is larger than the limit, in bytes. Another try does not help.
    #[error("the response is larger than {0} bytes")]
    TooLarge(usize),
}

impl FetchError {
    /// Returns whether another try can help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout(_) => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Request(_) | Self::TooLarge(_) => false,
        }
    }

    /// Returns the response's status, where there was a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        if let Self::Status { status, .. } = self { Some(*status) } else { None }
    }
}

/// Reads the body at `url`: at most `limit` bytes, within `timeout`.
///
/// # Errors
/// See [`FetchError`].
pub async fn get(client: &SharedHttpClient, url: &str, limit: usize, timeout: Duration) -> Result<Vec<u8>, FetchError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| FetchError::Request(chain(&error)))?;
    exchange(client, request, limit, timeout).await
}

/// Sends a request and reads the body of the response, whose status must be `200`.
pub async fn exchange(
    client: &SharedHttpClient,
    mut request: HttpRequest,
    limit: usize,
    timeout: Duration,
) -> Result<Vec<u8>, FetchError> {
    // Cellstack's client stops reading at this limit. Another client passes the body on as it comes; `read` bounds it.
    request.add_extension(ResponseLimit(limit.max(EXCERPT)));
    // The settings hold no time-outs: the time-out below bounds the whole exchange.
    let connector = client.http_connector(&HttpConnectorSettings::default(), &components()?);
    let exchange = async {
        let sent = connector.call(request).await;
        read(sent.map_err(|error| FetchError::Unreachable(chain(&error)))?, limit).await
    };
    tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(FetchError::Timeout(timeout)))
}

/// Bytes of a refusal's body that are read for the log.
const EXCERPT: usize = 300;

async fn read(response: HttpResponse, limit: usize) -> Result<Vec<u8>, FetchError> {
    let status = response.status().as_u16();
    let body = ByteStream::new(response.into_body());
    if status == 200 {
        return collect(body, limit).await?.ok_or(FetchError::TooLarge(limit));
    }
    let body = excerpt(body).await;
    let excerpt = String::from_utf8_lossy(&body);
    Err(FetchError::Status { status, excerpt: excerpt.split_whitespace().collect::<Vec<_>>().join(" ") })
}

/// Reads the beginning of the body, as far as it comes.
async fn excerpt(mut body: ByteStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < EXCERPT
        && let Ok(Some(chunk)) = body.try_next().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(EXCERPT);
    bytes
}

/// Reads the body; `None` when it is larger than the limit.
async fn collect(mut body: ByteStream, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.try_next().await.map_err(|error| FetchError::Unreachable(chain(&error)))? {
        if bytes.len() + chunk.len() > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// Returns the components that a connector needs and that an SDK operation would have: no credentials, no retries.
fn components() -> Result<RuntimeComponents, FetchError> {
    RuntimeComponentsBuilder::new("fetch")
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![NO_AUTH_SCHEME_ID])))
        .with_auth_scheme(NoAuthScheme::default())
        .with_identity_cache(Some(IdentityCache::no_cache()))
        .with_identity_resolver(NO_AUTH_SCHEME_ID, NoAuthIdentityResolver::new())
        .with_endpoint_resolver(Some(StaticUriEndpointResolver::uri("http://unused")))
        .with_retry_strategy(Some(NeverRetryStrategy::new()))
        .build()
        .map_err(|error| FetchError::Request(chain(&error)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(500);

    /// Starts a server that sends one response and ends. Returns its URL, and the place where its request will be
    /// stored.
    async fn server(response: &'static str) -> (String, &'static Mutex<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap());
        let seen: &'static Mutex<String> = Box::leak(Box::default());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            *seen.lock().unwrap() = String::from_utf8_lossy(&buffer[..read]).into_owned();
            stream.write_all(response.as_bytes()).await.unwrap();
            if !response.ends_with('!') {
                std::future::pending::<()>().await;
            }
        });
        (url, seen)
    }

    async fn fetch(response: &'static str) -> Result<Vec<u8>, FetchError> {
        let (url, _) = server(response).await;
        get(&crate::http_client(), &url, 10, TIMEOUT).await
    }

    #[tokio::test]
    async fn a_body_comes_whole_and_the_request_is_a_get() {
        let (url, seen) = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n012345678!").await;
        assert_eq!(get(&crate::http_client(), &url, 10, TIMEOUT).await.unwrap(), b"012345678!");
        let seen = seen.lock().unwrap().clone();
        assert!(seen.starts_with("GET /keys?a=b HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("host: 127.0.0.1:"), "{seen}");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_refused_with_or_without_a_length() {
        let error = fetch("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n0123456789!").await.unwrap_err();
        assert_eq!((error.clone(), error.is_retryable()), (FetchError::TooLarge(10), false));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n!";
        assert_eq!(fetch(chunked).await.unwrap_err(), FetchError::TooLarge(10));
    }

    /// A body that is too large is read neither to its end nor up to a client's own limit.
    #[tokio::test]
    async fn no_more_is_read_than_may_be() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n").await;
            let mut sent = 0;
            while sent < 8_000_000 && stream.write_all(&[b'x'; 10_000]).await.is_ok() {
                sent += 10_000;
                tokio::task::yield_now().await;
            }
            sent
        });
        let error = get(&crate::http_client(), &url, 1_000, Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(error, FetchError::TooLarge(1_000));
        // The rest of the bytes that left the server is in the two sockets.
        let sent = server.await.unwrap();
        assert!(sent < 8_000_000, "all of it was read");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_refusal_is_told() {
        let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 1\r\n\r\n!";
        let error = fetch(moved).await.unwrap_err();
        assert_eq!((error.status(), error.is_retryable()), (Some(302), false));
        let busy = fetch("HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nslow\ndown!").await.unwrap_err();
        assert_eq!(busy.to_string(), "the server responded with 503: slow down!");
        assert!(busy.is_retryable());
    }

    #[tokio::test]
    async fn a_response_that_hangs_times_out_before_or_within_its_body() {
        for response in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n012"] {
            let error = fetch(response).await.unwrap_err();
            assert_eq!((error.clone(), error.is_retryable()), (FetchError::Timeout(TIMEOUT), true), "{response}");
        }
    }

    #[tokio::test]
    async fn a_port_nobody_listens_on_and_a_url_that_is_none() {
        let client = crate::http_client();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = get(&client, &format!("http://{port}/"), 10, TIMEOUT).await.unwrap_err();
        assert!(matches!(error, FetchError::Unreachable(_)), "{error:?}");
        let error = get(&client, "http://a b/", 10, TIMEOUT).await.unwrap_err();
        assert!(matches!(error, FetchError::Request(_)), "{error:?}");
    }
}

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
    /// The server responded with another status than the one that was expected. A redirect is such a response.
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

/// A response with the status that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The header `Content-Range`.
    pub content_range: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The expected status of a whole body.
pub const OK: u16 = 200;
/// The expected status of a part that the request names in `Range`.
pub const PARTIAL_CONTENT: u16 = 206;

/// Reads the body at `url`: at most `limit` bytes, within `timeout`.
///
/// # Errors
/// See [`FetchError`].
pub async fn get(client: &SharedHttpClient, url: &str, limit: usize, timeout: Duration) -> Result<Vec<u8>, FetchError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| FetchError::Request(chain(&error)))?;
    Ok(exchange(client, request, OK, limit, timeout).await?.body)
}

/// Sends a request and reads the response, whose status must be the expected one.
///
/// # Errors
/// See [`FetchError`].
pub async fn exchange(
    client: &SharedHttpClient,
    mut request: HttpRequest,
    expected: u16,
    limit: usize,
    timeout: Duration,
) -> Result<Fetched, FetchError> {
    // Cellstack's client stops reading at this limit. Another client passes the body on as it comes; `read` bounds it.
    request.add_extension(ResponseLimit(limit.max(EXCERPT)));
    // The settings hold no time-outs: the time-out below bounds the whole exchange.
    let connector = client.http_connector(&HttpConnectorSettings::default(), &components()?);
    let exchange = async {
        let sent = connector.call(request).await;
        read(sent.map_err(|error| FetchError::Unreachable(chain(&error)))?, expected, limit).await
    };
    tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(FetchError::Timeout(timeout)))
}

/// Bytes of a refusal's body that are read for the log.
const EXCERPT: usize = 300;

async fn read(response: HttpResponse, expected: u16, limit: usize) -> Result<Fetched, FetchError> {
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(ToOwned::to_owned);
    let (etag, content_range) = (header("etag"), header("content-range"));
    let body = ByteStream::new(response.into_body());
    if status == expected {
        let body = collect(body, limit).await?.ok_or(FetchError::TooLarge(limit))?;
        return Ok(Fetched { etag, content_range, body });
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
mod tests;

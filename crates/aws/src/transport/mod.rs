//! HTTP/1.1 for the SDK: the features of its own client without those that no AWS API here needs (HTTP/2, proxies, a
//! task for each connection). It is a fifth of the code in a function's zip, and saves a good part of a warm call's
//! instructions.
//!
//! A request drives the connection that carries it; between two requests the connection rests in the pool. A connection
//! that died at rest, as after an hour in which the environment was frozen, returns its request unsent, and the request
//! takes a fresh one.

mod connect;
mod pool;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};

pub(crate) use connect::ResponseLimit;
use connect::{Connection, Target, Unsent};
use pool::Pool;

use tls::Tls;
pub(super) use tls::UnreadableRoots;

/// Returns a client that trusts the machine's certificates.
pub(super) fn native() -> SharedHttpClient {
    with(Tls::native())
}

/// Returns a client that trusts the certificates of a PEM text that a test has read.
pub(super) fn pinned(roots: &'static [u8]) -> SharedHttpClient {
    with(Tls::pinned(roots))
}

/// Returns a client that trusts the certificates of a PEM text, and no others.
pub(super) fn trusting(roots: &[u8]) -> Result<SharedHttpClient, UnreadableRoots> {
    Tls::trusting(roots).map(with)
}

fn with(tls: Tls) -> SharedHttpClient {
    SharedHttpClient::new(Transport { shared: Arc::new(Shared { tls, pool: Pool::default() }) })
}

#[derive(Clone)]
struct Transport {
    shared: Arc<Shared>,
}

struct Shared {
    tls: Tls,
    pool: Pool,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            shared: Arc::clone(&self.shared),
            connect_timeout: settings.connect_timeout(),
            read_timeout: settings.read_timeout(),
        })
    }
}

/// The transport with one client's time-outs.
struct Connector {
    shared: Arc<Shared>,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (shared, connect_timeout, read_timeout) =
            (Arc::clone(&self.shared), self.connect_timeout, self.read_timeout);
        HttpConnectorFuture::new(async move {
            let (target, request) = prepare(request)?;
            let response = within(read_timeout, exchange(&shared, target, request, connect_timeout)).await?;
            HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Returns the server of a request, and the request as it stands on the wire.
fn prepare(request: HttpRequest) -> Result<(Target, Request<SdkBody>), ConnectorError> {
    let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let target = Target::of(request.uri()).map_err(|error| ConnectorError::user(error.into()))?;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(target.authority()).map_err(|error| ConnectorError::user(error.into()))?;
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    Ok((target, request))
}

/// Sends a request over a connection at rest if one still lives, else over a new one.
async fn exchange(
    shared: &Shared,
    target: Target,
    mut request: Request<SdkBody>,
    connect_timeout: Option<Duration>,
) -> Result<Response<Bytes>, ConnectorError> {
    while let Some(mut connection) = shared.pool.take(&target) {
        match connection.exchange(request).await {
            Ok(response) => return Ok(keep(shared, target, connection, response)),
            Err(Unsent::Returned(unsent)) => request = *unsent,
            Err(Unsent::Lost(error)) => return Err(ConnectorError::io(error)),
        }
    }
    let mut connection = within(connect_timeout, Connection::open(&target, &shared.tls)).await?;
    match connection.exchange(request).await {
        Ok(response) => Ok(keep(shared, target, connection, response)),
        Err(Unsent::Lost(error)) => Err(ConnectorError::io(error)),
        Err(Unsent::Returned(_)) => Err(ConnectorError::io("the connection was closed before it was used".into())),
    }
}

/// Puts a connection into the pool, unless its server reported an error of its own: a new connection may lead to
/// another server. Returns the response.
fn keep(
    shared: &Shared,
    target: Target,
    connection: Connection,
    (response, whole): (Response<Bytes>, bool),
) -> Response<Bytes> {
    if whole && !response.status().is_server_error() {
        shared.pool.put(target, connection);
    }
    response
}

async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, ConnectorError> {
    match limit {
        None => work.await,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
        },
    }
}

#[cfg(test)]
mod tests;

//! The endpoint over HTTP/1.1.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONNECTION, HOST, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::Aws;
use crate::request::Endpoint;
use crate::response::{ConnectionReset, build};

/// The size of DynamoDB's largest request.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The time a caller may take to send its headers, and how long a connection may idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The time a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a connection could not be accepted, for example because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A handler below a path of the endpoint that AWS does not use, for this machine alone: it responds to callers on a
/// loopback address that name the endpoint by one. Other callers, and pages that a browser shows, get `403`.
pub struct Mount {
    /// The prefix of the paths that it serves.
    pub prefix: &'static str,
    /// The function that responds.
    pub respond: Box<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>,
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

pub(crate) async fn serve(
    aws: Aws,
    listener: TcpListener,
    mount: Option<Arc<Mount>>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut shutdown = pin!(shutdown);
    // Dropped on return, which closes open connections: a long poll would delay the end by 20 s.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Without it, small responses wait for the other side's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(Endpoints { aws: aws.clone(), mount: mount.clone(), peer }, stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut shutdown => return Ok(()),
        }
    }
}

/// The handlers of a connection, and its caller.
#[derive(Clone)]
struct Endpoints {
    aws: Aws,
    mount: Option<Arc<Mount>>,
    peer: SocketAddr,
}

async fn connection(endpoints: Endpoints, stream: TcpStream) {
    let service = service_fn(move |request| respond(endpoints.clone(), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn respond(endpoints: Endpoints, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (mut parts, body) = request.into_parts();
    if is_probe(&parts) {
        return Ok(health().map(Full::new));
    }
    let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Ok(unread(413, "The request has more than 16 MiB.").map(Full::new));
        }
        Ok(Err(error)) => return Err(io::Error::other(error)),
        Err(_) => return Ok(unread(408, "The body did not arrive in time.").map(Full::new)),
    };
    if let Some(mount) = endpoints.mount.filter(|mount| parts.uri.path().starts_with(mount.prefix)) {
        let response = match is_of_this_machine(endpoints.peer, &parts) {
            true => (mount.respond)(Request::from_parts(parts, body)).await,
            false => build(403, "application/json", json!({ "message": "For this machine alone." }).to_string() + "\n"),
        };
        return Ok(response.map(Full::new));
    }
    if let Some(endpoint) = endpoint(&parts) {
        parts.extensions.insert(endpoint);
    }
    let response = endpoints.aws.handle(Request::from_parts(parts, body)).await;
    if response.extensions().get::<ConnectionReset>().is_some() {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
    }
    Ok(response.map(Full::new))
}

/// Returns whether a request asks only if the endpoint is up.
fn is_probe(parts: &http::request::Parts) -> bool {
    match parts.uri.path() {
        "/health" => parts.method == Method::GET || parts.method == Method::HEAD,
        "/" => parts.method == Method::HEAD,
        _ => false,
    }
}

fn health() -> Response<Bytes> {
    let services = ["dynamodb", "dynamodbstreams", "sns", "sqs", "cloudwatch"];
    build(200, "application/json", json!({ "status": "ok", "services": services }).to_string() + "\n")
}

/// Returns the response to a request whose body was not read to its end: what follows on the connection is not a
/// request.
fn unread(status: u16, message: &str) -> Response<Bytes> {
    let mut response = build(status, "application/json", json!({ "message": message }).to_string() + "\n");
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns whether a caller is on this machine and is not a page in a browser. Such a page reaches a loopback address
/// under a name of its own, or sends its origin.
fn is_of_this_machine(peer: SocketAddr, parts: &http::request::Parts) -> bool {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_loopback = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    };
    peer.ip().is_loopback() && host.is_some_and(|host| is_loopback(host.host())) && !parts.headers.contains_key(ORIGIN)
}

/// Returns the address at which the caller reached the endpoint. Queue URLs must name it, since no other name may lead
/// here from where the caller runs.
fn endpoint(parts: &http::request::Parts) -> Option<Endpoint> {
    let host = parts.headers.get(HOST)?.to_str().ok()?;
    let authority: Authority = host.parse().ok()?;
    Some(Endpoint(format!("http://{authority}")))
}

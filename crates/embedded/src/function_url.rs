//! A function URL: HTTP in, the router's invocation event (payload format 2.0) and back
//! (<https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cellstack_core::limits::pipeline::ROUTER_TIMEOUT;
use cellstack_core::{Clock, EventId};
use cellstack_emulator::Aws;
use cellstack_router::{Invocation, Reply, Router};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use lambda_http::Body;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::VirtualClock;
use crate::activity::Exchange;

/// Largest request that AWS takes, in bytes.
const MAX_PAYLOAD: usize = 6 * 1024 * 1024;
/// Time in which a caller must send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a caller must send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that requests under way have to end once the URL is to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);
/// Pause before a listener that can't accept tries again (for example when file descriptors ran out).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The number of exchanges by which a slow listener may fall behind.
const EXCHANGES: usize = 4_096;

/// A router behind a URL.
#[derive(Clone)]
pub struct FunctionUrl {
    router: Arc<Router<Arc<VirtualClock>>>,
    clock: Arc<VirtualClock>,
    exchanges: broadcast::Sender<Exchange>,
    aws: Option<Aws>,
}

impl FunctionUrl {
    /// Puts a router behind a URL.
    #[must_use]
    pub fn new(router: Arc<Router<Arc<VirtualClock>>>, clock: Arc<VirtualClock>) -> Self {
        Self { router, clock, exchanges: broadcast::channel(EXCHANGES).0, aws: None }
    }

    /// Refuses new events while this stack holds as much as it may.
    #[must_use]
    pub(crate) fn bounded_by(mut self, aws: Aws) -> Self {
        self.aws = Some(aws);
        self
    }

    /// Returns the requests and their responses from now on.
    pub(crate) fn exchanges(&self) -> broadcast::Receiver<Exchange> {
        self.exchanges.subscribe()
    }

    /// Sends one request, as AWS would pass it to the function.
    pub async fn request(&self, request: Request<Bytes>, peer: SocketAddr) -> Response<Bytes> {
        let started = Instant::now();
        let id = EventId::fresh(&self.clock).to_string();
        let event = self.invocation(&request, peer, &id).to_string();
        // The log lines of a request carry its id and path, at any log level of the router.
        let (method, path) = (request.method().as_str(), request.uri().path());
        let span = tracing::error_span!(target: "cellstack_router", "request", id, method, path);
        let is_full = request.method() == Method::POST && self.aws.as_ref().is_some_and(Aws::refuses_growth);
        let response = if is_full { full() } else { self.invoke(&event).instrument(span).await };
        if self.exchanges.receiver_count() > 0 {
            // The send fails only when the last listener has just gone.
            let _ = self.exchanges.send(Exchange::new(&request, &response, started.elapsed()));
        }
        response
    }

    /// Sends one invocation event, in the form of `events/router/*.json`.
    pub fn invoke<'a>(&'a self, event: &'a str) -> BoxFuture<'a, Response<Bytes>> {
        // Boxed, so that the router is compiled here and not again in each program that calls it.
        self.respond(event).boxed()
    }

    async fn respond(&self, event: &str) -> Response<Bytes> {
        let invocation: Invocation = match serde_json::from_str(event) {
            Ok(invocation) => invocation,
            // Lambda responds in this way when a function fails.
            Err(error) => return plain(StatusCode::BAD_GATEWAY, &format!("the function failed: {error}")),
        };
        let request_id = EventId::fresh(&self.clock).to_string();
        let invoked = self.router.invoke(invocation, &request_id, ROUTER_TIMEOUT);
        match tokio::time::timeout(ROUTER_TIMEOUT, invoked).await {
            Ok(Reply(response)) => response.map(|body| match body {
                Body::Text(text) => text.into(),
                Body::Binary(bytes) => bytes.into(),
                _ => Bytes::new(),
            }),
            Err(_) => plain(StatusCode::BAD_GATEWAY, "the router timed out"),
        }
    }

    fn invocation(&self, request: &Request<Bytes>, peer: SocketAddr, id: &str) -> serde_json::Value {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let headers = headers(request.headers());
        let host = headers.get("host").cloned().unwrap_or_else(|| "localhost".to_owned());
        let text = std::str::from_utf8(request.body()).ok().filter(|_| is_text(request.headers()));
        let body = text.map_or_else(|| STANDARD.encode(request.body()), ToOwned::to_owned);
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "local",
                "domainName": host,
                "domainPrefix": "local",
                "http": {
                    "method": request.method().as_str(),
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": peer.ip().to_string(),
                    "userAgent": headers.get("user-agent"),
                },
                "requestId": id,
                "routeKey": "$default",
                "stage": "$default",
                "time": "",
                "timeEpoch": self.clock.wall_ms(),
            },
            "body": body,
            "isBase64Encoded": text.is_none(),
        })
    }

    /// Serves the URL until `shutdown`; requests under way have two seconds to finish.
    ///
    /// # Errors
    /// Never today; kept so that a listener that breaks can be reported.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
        let graceful = hyper_util::server::graceful::GracefulShutdown::new();
        // Dropped on return, with the connections that are still open.
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let connection = graceful.watch(self.clone().connection(stream, peer));
            connections.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection");
                }
            });
        }
        // A listener that is open while nobody accepts would let callers connect and wait in vain.
        drop(listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests under way were cut off");
        }
        Ok(())
    }

    fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request: Request<Incoming>| {
            let url = self.clone();
            async move { Ok::<_, Infallible>(url.collect(request, peer).await.map(Full::new)) }
        });
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    }

    async fn collect(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_PAYLOAD).collect());
        let refused = match collected.await {
            Ok(Ok(body)) => return self.request(Request::from_parts(parts, body.to_bytes()), peer).await,
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                plain(StatusCode::PAYLOAD_TOO_LARGE, "a function URL takes 6 MB at most")
            }
            Ok(Err(error)) => plain(StatusCode::BAD_REQUEST, &format!("the body could not be read: {error}")),
            Err(_) => plain(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        };
        close(refused)
    }
}

/// Closes the connection: the bytes after a body that was not read to its end are not a request.
fn close(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns names in lower case, and values of the same name joined by commas, as AWS does.
fn headers(map: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in map.iter().filter(|(name, _)| *name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

/// Returns whether AWS passes bodies of this content type on as text. Others come base64-encoded.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("json")
        || essence.ends_with("xml")
        || essence == "application/javascript"
}

/// Returns the response to new events of a stack that holds as much as it may: AWS's throttle, with the reason.
fn full() -> Response<Bytes> {
    let body = json!({
        "Message": "Rate Exceeded.",
        "type": "urn:cellstack:problem:stack-full",
        "title": "The stack is full",
        "status": StatusCode::TOO_MANY_REQUESTS.as_u16(),
        "detail": "The stack holds as much as --max-data allows, and none of it is processed: mend what holds events up, purge \
            dead letters, or serve with more.",
    });
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Returns the response of AWS itself when the function is not reached or does not respond.
fn plain(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(json!({ "Message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::BAD_GATEWAY {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

//! The endpoint over HTTP/1.1.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
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

/// DynamoDB's largest request.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The time a caller may take to send its headers, and how long a connection may idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The time a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted, for example because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn serve(aws: Aws, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let mut shutdown = pin!(shutdown);
    // Dropped on return, which closes what is open: a long poll would hold up the end for 20 s.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Without it, small answers wait for the other side's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(aws.clone(), stream));
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

async fn connection(aws: Aws, stream: TcpStream) {
    let service = service_fn(move |request| answer(aws.clone(), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(aws: Aws, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
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
    if let Some(endpoint) = endpoint(&parts) {
        parts.extensions.insert(endpoint);
    }
    let response = aws.handle(Request::from_parts(parts, body)).await;
    if response.extensions().get::<ConnectionReset>().is_some() {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
    }
    Ok(response.map(Full::new))
}

/// Returns whether somebody asks only whether the endpoint is up.
fn is_probe(parts: &http::request::Parts) -> bool {
    match parts.uri.path() {
        "/health" => parts.method == Method::GET || parts.method == Method::HEAD,
        "/" => parts.method == Method::HEAD,
        _ => false,
    }
}

fn health() -> Response<Bytes> {
    let services = ["dynamodb", "dynamodbstreams", "sns", "sqs"];
    build(200, "application/json", json!({ "status": "ok", "services": services }).to_string() + "\n")
}

/// The answer to a request whose body was not read to its end: what follows on the connection is no request.
fn unread(status: u16, message: &str) -> Response<Bytes> {
    let mut response = build(status, "application/json", json!({ "message": message }).to_string() + "\n");
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Where the caller reached the endpoint: what it must find in queue URLs, since no other name may lead here from where it
/// runs.
fn endpoint(parts: &http::request::Parts) -> Option<Endpoint> {
    let host = parts.headers.get(HOST)?.to_str().ok()?;
    let authority: Authority = host.parse().ok()?;
    Some(Endpoint(format!("http://{authority}")))
}

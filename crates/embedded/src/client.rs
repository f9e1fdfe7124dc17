//! A small HTTP client for the demo and the end-to-end suites.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Sends one request over a connection of its own.
///
/// # Errors
/// When the address can't be reached, or an HTTP server does not respond there.
pub async fn send(address: SocketAddr, mut request: Request<Bytes>) -> Result<Response<Bytes>> {
    request.headers_mut().insert(HOST, HeaderValue::try_from(address.to_string())?);
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    drop(sender);
    connection.await??;
    Ok(Response::from_parts(parts, body))
}

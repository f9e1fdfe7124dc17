//! The endpoint over HTTP/1.1.

use std::future::Future;
use std::io;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::Aws;
use crate::response::ConnectionReset;

/// DynamoDB's largest request.
const MAX_BODY: usize = 16 * 1024 * 1024;

pub(crate) async fn serve(aws: Aws, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let mut shutdown = pin!(shutdown);
    // Dropped on return, which closes what is open: a long poll would hold up the end for 20 s.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                // Without it, small answers wait for the other side's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(aws.clone(), stream));
            }
            () = &mut shutdown => return Ok(()),
        }
    }
}

async fn connection(aws: Aws, stream: TcpStream) {
    let service = service_fn(move |request| answer(aws.clone(), request));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(aws: Aws, request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(io::Error::other)?;
    let request = http::Request::from_parts(parts, body.to_bytes());
    let response = aws.handle(request).await;
    if response.extensions().get::<ConnectionReset>().is_some() {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
    }
    Ok(response.map(Full::new))
}

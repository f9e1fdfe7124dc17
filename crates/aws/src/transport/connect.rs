//! A connection: opening it, and driving it by a request.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::tls::Tls;
use cellstack_core::limits::MAX_RESPONSE;

/// A server, as far as connections to it have it in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    authority: String,
    host: String,
    port: u16,
    tls: bool,
}

impl Target {
    pub(super) fn of(uri: &Uri) -> Result<Self, &'static str> {
        let authority = uri.authority().ok_or("the URI names no host")?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err("the URI is neither http nor https"),
        };
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        // An IPv6 address stands in brackets in a URI, and nowhere else.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { authority: authority.as_str().to_owned(), host, port, tls })
    }

    /// Returns host and port, as in the URI.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }
}

/// An extension of a request that limits the bytes read of the response's body. A longer body is cut off a little
/// behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseLimit(pub(crate) usize);

/// A stream of bytes in both directions.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Io = TokioIo<Box<dyn Stream>>;

/// An open connection.
pub(super) struct Connection {
    sender: SendRequest<SdkBody>,
    driver: Driver,
}

/// The reason why a request has no response.
pub(super) enum Unsent {
    /// No byte of the request was sent; it comes back here.
    Returned(Box<Request<SdkBody>>),
    /// The connection broke when the server may have had the request.
    Lost(BoxError),
}

impl Connection {
    pub(super) async fn open(target: &Target, tls: &Tls) -> Result<Self, ConnectorError> {
        let io = |error: std::io::Error| ConnectorError::io(error.into());
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(io)?;
        // A request is written at once, so a wait for more of it would only delay it.
        tcp.set_nodelay(true).map_err(io)?;
        // The connection closes with a reset: bytes in the socket of a cancelled request must not be delivered later,
        // least of all after a freeze. A connection whose response was read has nothing left to lose.
        tcp.set_zero_linger().map_err(io)?;
        let stream: Box<dyn Stream> = if target.tls {
            let name = ServerName::try_from(target.host.clone()).map_err(|error| ConnectorError::user(error.into()))?;
            let tls = tls.connector().map_err(|error| ConnectorError::user(error.into()))?;
            Box::new(tls.connect(name, tcp).await.map_err(io)?)
        } else {
            Box::new(tcp)
        };
        let opened = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = opened.map_err(|error| ConnectorError::io(error.into()))?;
        Ok(Self { sender, driver: Driver { connection: Box::pin(connection), ended: false } })
    }

    /// Sends a request and reads its response: whole, or as far as its [`ResponseLimit`] allows. Returns whether the
    /// connection can be used again.
    pub(super) async fn exchange(&mut self, request: Request<SdkBody>) -> Result<(Response<Bytes>, bool), Unsent> {
        let Self { sender, driver } = self;
        let limit = request.extensions().get::<ResponseLimit>().copied();
        // The connection runs first: the server may have closed it while it was at rest.
        driver.look();
        let sent = driver.drive(sender.try_send_request(request)).await.ok_or_else(broken)?;
        let response = sent.map_err(|mut error| match error.take_message() {
            Some(request) => Unsent::Returned(Box::new(request)),
            None => Unsent::Lost(error.into_error().into()),
        })?;
        let (head, body) = response.into_parts();
        if let Some(ResponseLimit(limit)) = limit {
            let (body, whole) = driver.drive(beginning(body, limit)).await.ok_or_else(broken)?.map_err(Unsent::Lost)?;
            return Ok((Response::from_parts(head, body), whole));
        }
        let body = driver.drive(Limited::new(body, MAX_RESPONSE).collect()).await.ok_or_else(broken)?;
        let body = body.map_err(Unsent::Lost)?;
        Ok((Response::from_parts(head, body.to_bytes()), true))
    }
}

/// Reads a body until it ends or is longer than `limit`. Returns whether it ended.
async fn beginning(mut body: Incoming, limit: usize) -> Result<(Bytes, bool), BoxError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > limit {
            return Ok((bytes.freeze(), false));
        }
    }
    Ok((bytes.freeze(), true))
}

fn broken() -> Unsent {
    Unsent::Lost("the connection ended before the response did".into())
}

/// The driver of a connection, which reads from it and writes to it.
struct Driver {
    connection: Pin<Box<http1::Connection<Io, SdkBody>>>,
    ended: bool,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        // The reason for the end reaches the request that waits for a response. Another poll would panic.
        self.ended = self.ended || self.connection.as_mut().poll(context).is_ready();
    }

    /// Lets the connection notice what happened while it was at rest.
    fn look(&mut self) {
        self.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Runs the connection and the work that waits for it in one task; `None` when the connection ended before the
    /// work.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            // Two rounds: data that the connection reads lets the work continue, and the work may then have data to
            // write.
            for _ in 0..2 {
                self.poll(context);
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(Some(done));
                }
            }
            if self.ended { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}

//! A connection: how it is opened, and how a request drives it.

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
use cellstack_core::limits::MAX_ANSWER;

/// A server: what connections to it have in common.
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

    /// Host and port, as in the URI.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }
}

/// An extension of a request: reads little more than this of its answer's body, in bytes. What is longer comes cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerLimit(pub(crate) usize);

/// What can be read from and written to.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Io = TokioIo<Box<dyn Stream>>;

/// An open connection.
pub(super) struct Connection {
    sender: SendRequest<SdkBody>,
    driver: Driver,
}

/// Why a request was not answered.
pub(super) enum Unsent {
    /// Nothing of it was sent: here it is.
    Returned(Box<Request<SdkBody>>),
    /// The connection broke when the server may have had it.
    Lost(BoxError),
}

impl Connection {
    pub(super) async fn open(target: &Target, tls: &Tls) -> Result<Self, ConnectorError> {
        let io = |error: std::io::Error| ConnectorError::io(error.into());
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(io)?;
        // A request is written at once: waiting for more of it only makes it late.
        tcp.set_nodelay(true).map_err(io)?;
        // Closed with a reset: what lies in the socket of a request that was given up must not be delivered later, least of
        // all after a freeze. A connection whose answer was read has nothing left to lose.
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

    /// Sends a request and reads its answer: whole, or as far as its [`AnswerLimit`] says. Returns whether the connection can
    /// be used again.
    pub(super) async fn exchange(&mut self, request: Request<SdkBody>) -> Result<(Response<Bytes>, bool), Unsent> {
        let Self { sender, driver } = self;
        let limit = request.extensions().get::<AnswerLimit>().copied();
        // The connection has its turn first: it may have been closed while it was at rest.
        driver.look();
        let sent = driver.drive(sender.try_send_request(request)).await.ok_or_else(broken)?;
        let response = sent.map_err(|mut error| match error.take_message() {
            Some(request) => Unsent::Returned(Box::new(request)),
            None => Unsent::Lost(error.into_error().into()),
        })?;
        let (head, body) = response.into_parts();
        if let Some(AnswerLimit(limit)) = limit {
            let (body, whole) = driver.drive(beginning(body, limit)).await.ok_or_else(broken)?.map_err(Unsent::Lost)?;
            return Ok((Response::from_parts(head, body), whole));
        }
        let body = driver.drive(Limited::new(body, MAX_ANSWER).collect()).await.ok_or_else(broken)?;
        let body = body.map_err(Unsent::Lost)?;
        Ok((Response::from_parts(head, body.to_bytes()), true))
    }
}

/// Reads a body until it ends or is longer than `limit`, and says whether it ended.
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
    Unsent::Lost("the connection ended before the answer did".into())
}

/// What reads from the connection and writes to it.
struct Driver {
    connection: Pin<Box<http1::Connection<Io, SdkBody>>>,
    ended: bool,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) {
        // What ended it reaches whoever waits for an answer; polled again it would panic.
        self.ended = self.ended || self.connection.as_mut().poll(context).is_ready();
    }

    /// Lets it see what happened while it was at rest.
    fn look(&mut self) {
        self.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Runs it and what waits for it in one task; `None` when it ended and left that waiting.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            // Twice: what it reads makes work go on, and what that sends it has to write.
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

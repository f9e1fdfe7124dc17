//! One thread that serves all mocks, so that every subject meets the same.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Certificate, DynamoDb, RuntimeApi};

/// The response of a mock.
pub(super) type HttpResponse = Response<Full<Bytes>>;

/// A service that responds to requests.
pub(super) trait Service: Send + Sync + 'static {
    fn call(&self, request: Request<Incoming>) -> Pin<Box<dyn Future<Output = HttpResponse> + Send + '_>>;
}

/// The running mocks. They end with the process.
pub(crate) struct Mocks {
    pub(crate) runtime_api: Arc<RuntimeApi>,
    pub(crate) dynamodb: Arc<DynamoDb>,
    /// The address of the Runtime API.
    pub(crate) runtime_address: SocketAddr,
    /// The address of DynamoDB without TLS.
    pub(crate) plain_address: SocketAddr,
    /// The address of DynamoDB behind TLS.
    pub(crate) tls_address: SocketAddr,
    /// The file of the root that DynamoDB's certificate chains to.
    pub(crate) roots: PathBuf,
}

impl Mocks {
    /// Starts the mocks, on ports of the system's choice, and writes the root into `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let certificate = Certificate::make().context("make a certificate")?;
        let roots = directory.join("roots.pem");
        std::fs::write(&roots, &certificate.root).with_context(|| format!("write {}", roots.display()))?;
        let (runtime_api, dynamodb) = (Arc::new(RuntimeApi::default()), Arc::new(DynamoDb::default()));
        let (runtime, plain, tls) = (listener()?, listener()?, listener()?);
        let mocks = Self {
            runtime_api: Arc::clone(&runtime_api),
            dynamodb: Arc::clone(&dynamodb),
            runtime_address: runtime.local_addr()?,
            plain_address: plain.local_addr()?,
            tls_address: tls.local_addr()?,
            roots,
        };
        let acceptor = certificate.acceptor()?;
        let io = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("mocks".to_owned()).spawn(move || {
            io.block_on(async {
                tokio::join!(
                    serve(runtime, None, runtime_api),
                    serve(plain, None, Arc::clone(&dynamodb)),
                    serve(tls, Some(acceptor), dynamodb)
                )
            })
        })?;
        Ok(mocks)
    }
}

fn listener() -> Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on 127.0.0.1")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve<S: Service>(listener: std::net::TcpListener, acceptor: Option<TlsAcceptor>, service: Arc<S>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    // A subject that was ended leaves its connections broken, which is not an error of the next one.
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (acceptor, service) = (acceptor.clone(), Arc::clone(&service));
        tokio::spawn(async move {
            match acceptor {
                None => converse(stream, service).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, service).await;
                    }
                }
            }
        });
    }
}

async fn converse<S: Service>(stream: impl AsyncRead + AsyncWrite + Unpin, service: Arc<S>) {
    let call = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.call(request).await) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), call).await;
}

/// Makes a response with a status and a body.
pub(super) fn respond(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()));
    if let Ok(status) = status.try_into() {
        *response.status_mut() = status;
    }
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(content_type));
    response
}

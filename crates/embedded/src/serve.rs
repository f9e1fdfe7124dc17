//! A stack behind two ports on the loopback address.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cellstack_emulator::Aws;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Stack;
use crate::function_url::DRAIN;
use crate::{admin, bound};

/// Between two writes of how far mappings have come.
const SAVE: Duration = Duration::from_secs(1);

/// A stack that is being served.
pub struct Served {
    /// The stack.
    pub stack: Stack,
    /// The address of the function URL.
    pub url: SocketAddr,
    /// The address of the AWS-compatible endpoint.
    pub endpoint: SocketAddr,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
    bound: JoinHandle<()>,
    saving: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves a stack. Port 0 takes a free one.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start(stack: Stack, port: u16, endpoint_port: u16) -> Result<Self> {
        Self::start_within(stack, port, endpoint_port, bound::MAX_DATA).await
    }

    /// The same, for a stack that holds so many bytes at most.
    ///
    /// # Errors
    /// When a port is taken.
    pub async fn start_within(stack: Stack, port: u16, endpoint_port: u16, max_data: u64) -> Result<Self> {
        let url = bind(port, "--port").await?;
        let endpoint = bind(endpoint_port, "--endpoint-port").await?;
        let (stop, _) = watch::channel(false);
        let (url_at, endpoint_at) = (url.local_addr()?, endpoint.local_addr()?);
        stack.set_endpoint(&format!("http://{endpoint_at}")).await?;
        let servers = vec![tokio::spawn(stack.url().clone().serve(url, stopped(&stop))), {
            let (aws, stopped) = (stack.aws().clone(), stopped(&stop));
            let mount = admin::mount(stack.faults().clone(), stack.cell_control().clone());
            tokio::spawn(async move { aws.serve_with(endpoint, mount, stopped).await })
        }];
        let bound = tokio::spawn(bound::keep(stack.aws().clone(), stack.cell_control().clone(), max_data));
        let saving = stack.data().map(|_| tokio::spawn(save_positions(stack.aws().clone())));
        Ok(Self { stack, url: url_at, endpoint: endpoint_at, stop, servers, bound, saving })
    }

    /// Stops taking requests, waits up to two seconds for those under way, and cuts the rest off.
    ///
    /// # Errors
    /// When a server ended with an error.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        let aws = self.stack.aws().clone();
        let (stack, servers) = (self.stack, &mut self.servers);
        let drained = tokio::time::timeout(DRAIN, async {
            for server in servers {
                server.await??;
            }
            // A stack that is dropped by the time-out cuts its functions off.
            stack.stop().await;
            Ok(())
        });
        let ended = drained.await;
        for server in &self.servers {
            server.abort();
        }
        self.bound.abort();
        if let Some(saving) = &self.saving {
            saving.abort();
            aws.save_positions().map_err(anyhow::Error::msg)?;
        }
        ended.unwrap_or(Ok(()))
    }
}

/// Writes how far the producers have come, now and then: what they read since is published again after a crash.
async fn save_positions(aws: Aws) {
    let mut tick = tokio::time::interval(SAVE);
    loop {
        tick.tick().await;
        if let Err(error) = aws.save_positions() {
            tracing::error!(error, "the stack's directory can't be written");
        }
    }
}

fn stopped(stop: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut stop = stop.subscribe();
    async move {
        // The sender is gone only when the server's owner is: that is a stop, too.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

async fn bind(port: u16, option: &str) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
        format!("can't listen on 127.0.0.1:{port}; end what listens there, or choose another {option}")
    })
}

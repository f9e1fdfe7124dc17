//! `cellstack-local serve`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cellstack_core::{CellId, TenantId};
use cellstack_local::names::REGION;
use cellstack_local::serve::Served;
use cellstack_local::{Disorder, Pipeline, Stack};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::print;

/// How long the process may take to end after the first signal: longer than the stack cuts off what is under way.
const PATIENCE: Duration = Duration::from_secs(4);
/// Tenants that every served stack has, placed in the cells in this order.
pub(crate) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// Serve the stack until Ctrl-C
///
/// The function URL and an AWS-compatible endpoint for DynamoDB, SNS and SQS. Tenants acme, globex and initech are
/// placed in the cells in this order; requests name their tenant in the header x-tenant-id.
#[derive(Args)]
pub(crate) struct Serve {
    /// Port of the function URL on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Port of the AWS-compatible endpoint on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 4566)]
    endpoint_port: u16,
    /// The cells, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "alpha,beta,gamma")]
    cells: Vec<CellId>,
    /// Adds tenant-1 to tenant-N, spread evenly over the cells
    #[arg(long, value_name = "N", default_value_t = 0)]
    tenants: u32,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let interrupted = interrupted()?;
        let served = Served::start(self.stack().await?, self.port, self.endpoint_port).await?;
        print(format_args!(
            "ready: function URL http://{}, AWS endpoint http://{} (region {REGION}), cells {}",
            served.url,
            served.endpoint,
            served.stack.cells().iter().map(CellId::as_str).collect::<Vec<_>>().join(" ")
        ));
        interrupted.await.context("nobody watches for signals")?;
        served.stop().await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn stack(&self) -> Result<Stack> {
        let mut builder =
            Stack::builder().pipeline(Pipeline::IMPATIENT).disorder(Disorder::SERVED).seed(rand::random());
        for (at, cell) in self.cells.iter().enumerate() {
            if self.cells[..at].contains(cell) {
                bail!("--cells names {cell} twice");
            }
            builder = builder.cell(cell.clone());
        }
        let numbered = (1..=self.tenants).map(|number| format!("tenant-{number}"));
        let named = TENANTS.map(ToOwned::to_owned).into_iter();
        for (at, tenant) in named.enumerate().chain(numbered.enumerate()) {
            builder = builder.tenant(tenant.parse::<TenantId>()?, self.cells[at % self.cells.len()].clone());
        }
        builder.build().await
    }
}

/// Resolves with the first Ctrl-C, or the signal a supervisor ends programs with. From then on the process ends, whatever
/// its functions do: at once with the second signal, else when they have had their time.
///
/// A thread of its own watches, since a processor that blocks can hold up every other one.
fn interrupted() -> Result<oneshot::Receiver<()>> {
    let (first, interrupted) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let code = runtime.block_on(watch(signals, first));
        std::process::exit(code);
    })?;
    Ok(interrupted)
}

/// Watches until the process has to end; with which code.
async fn watch(mut signals: Signals, first: oneshot::Sender<()>) -> i32 {
    signals.next().await;
    // Nobody waits for it only where the server has failed already.
    let _ = first.send(());
    tokio::select! {
        code = signals.next() => code,
        () = tokio::time::sleep(PATIENCE) => 0,
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one; the exit code of a process that it ends.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

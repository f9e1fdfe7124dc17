//! `cellstack-local serve`

use std::process::ExitCode;

use anyhow::{Result, bail};
use cellstack_core::{CellId, TenantId};
use cellstack_local::names::REGION;
use cellstack_local::serve::Served;
use cellstack_local::{Pipeline, Stack};
use clap::Args;

use super::print;

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
        let served = Served::start(self.stack().await?, self.port, self.endpoint_port).await?;
        print(format_args!(
            "ready: function URL http://{}, AWS endpoint http://{} (region {REGION}), cells {}",
            served.url,
            served.endpoint,
            served.stack.cells().iter().map(CellId::as_str).collect::<Vec<_>>().join(" ")
        ));
        interrupted().await?;
        served.stop().await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn stack(&self) -> Result<Stack> {
        let mut builder = Stack::builder().pipeline(Pipeline::IMPATIENT).seed(rand::random());
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

/// Ctrl-C, or the signal a supervisor ends programs with.
async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

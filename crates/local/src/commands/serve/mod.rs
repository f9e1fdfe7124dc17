//! `cellstack-local serve`

mod fault;
mod greeting;
mod lines;
mod signals;
mod source;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use cellstack_core::{CellId, TenantId};
use cellstack_embedded::activity::Activity;
use cellstack_embedded::names::REGION;
use cellstack_embedded::serve::Served;
use cellstack_embedded::{Disorder, Pipeline, Stack};
use cellstack_emulator::Fault;
use cellstack_simulator::Application;
use clap::Args;

use super::print;
use lines::Lines;
use signals::interrupted;
use source::Source;

/// Tenants that every served stack has, placed in the cells in this order.
pub(crate) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// Most cells: each has four mappings of its own.
const MAX_CELLS: usize = 64;
/// Most tenants, at some ten kilobytes each.
const MAX_TENANTS: i64 = 10_000;

/// Serve the stack until Ctrl-C
///
/// The function URL and an AWS-compatible endpoint for DynamoDB, SNS and SQS, on 127.0.0.1. Tenants acme, globex and initech
/// are placed in the cells in this order; requests name their tenant in the header x-tenant-id, unless --tenant-source
/// names another place. All of it is in memory.
///
/// Standard output has one line, when all is ready. Standard error shows what to try, then each event's way: accepted,
/// published, processed or failed, and each dead letter. RUST_LOG sets what the functions themselves log: error, warn, info,
/// debug, or by module, as in RUST_LOG=cellstack_consumer=debug; each line names its request's id and path.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local serve
  cellstack-local serve --port 9100 --endpoint-port 4600 --cells one,two --tenants 20
  cellstack-local serve --port 0 --endpoint-port 0 --tenant-source body
  RUST_LOG=cellstack_router=debug cellstack-local serve --port 0 --endpoint-port 0 -v")]
pub(crate) struct Serve {
    /// Port of the function URL on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Port of the AWS-compatible endpoint on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 4566)]
    endpoint_port: u16,
    /// The cells, separated by commas; 64 at most
    #[arg(long, value_delimiter = ',', default_value = "alpha,beta,gamma")]
    cells: Vec<CellId>,
    /// Adds tenant-1 to tenant-N, spread evenly over the cells; 10000 at most
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=MAX_TENANTS))]
    tenants: u32,
    /// The place where requests name their tenant
    #[arg(long, value_enum, value_name = "SOURCE", default_value_t = Source::Header)]
    tenant_source: Source,
    /// Faults that it begins with
    #[arg(long, value_name = "KIND:TABLE", value_parser = fault::parse, hide = true)]
    fault: Vec<Fault>,
    /// Show nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Show every request and every delivery, and what the functions log at info
    #[arg(short, long)]
    verbose: bool,
}

impl Serve {
    /// Returns the log level that holds where `RUST_LOG` is not set.
    pub(crate) const fn log_level(&self) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error",
            (_, true) => "info",
            // A letter has a line already.
            _ => "warn,cellstack_consumer::dead_letter=error",
        }
    }

    pub(crate) async fn run<A: Application>(self, application: A) -> Result<ExitCode> {
        let interrupted = interrupted()?;
        let served = Served::start(self.stack(application).await?, self.port, self.endpoint_port).await?;
        for fault in &self.fault {
            served.stack.aws().faults().inject(fault.clone());
        }
        let lines = Lines::new(self.verbose);
        if !self.quiet {
            lines.say(greeting::text(&served, &self.placements()?, self.tenants, self.tenant_source, A::EXAMPLE));
        }
        let activity = if self.quiet { None } else { Some(Activity::of(&served.stack)?) };
        print(format_args!(
            "ready: function URL http://{}, AWS endpoint http://{} (region {REGION}), cells {}",
            served.url,
            served.endpoint,
            served.stack.cells().iter().map(CellId::as_str).collect::<Vec<_>>().join(" ")
        ));
        let watching = activity.map(|activity| tokio::spawn(lines.follow(activity)));
        interrupted.await.context("nobody watches for signals")?;
        if let Some(watching) = watching {
            watching.abort();
        }
        served.stop().await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn stack(&self, application: impl Application) -> Result<Stack> {
        if self.cells.len() > MAX_CELLS {
            bail!("--cells names {} cells; expected {MAX_CELLS} at most", self.cells.len());
        }
        let mut builder =
            Stack::builder().pipeline(Pipeline::IMPATIENT).disorder(Disorder::SERVED).seed(rand::random());
        builder = builder.tenant_source(self.tenant_source.setting()?);
        for (at, cell) in self.cells.iter().enumerate() {
            if self.cells[..at].contains(cell) {
                bail!("--cells names {cell} twice");
            }
            builder = builder.cell(cell.clone());
        }
        let numbered = (1..=self.tenants).map(|number| format!("tenant-{number}").parse::<TenantId>());
        for (at, tenant) in numbered.enumerate() {
            builder = builder.tenant(tenant?, self.cells[at % self.cells.len()].clone());
        }
        for (tenant, cell) in self.placements()? {
            builder = builder.tenant(tenant, cell);
        }
        builder.build_with(|| application.clone()).await
    }

    /// The named tenants and their cells.
    fn placements(&self) -> Result<Vec<(TenantId, CellId)>> {
        let place = |(at, tenant): (usize, &str)| Ok((tenant.parse()?, self.cells[at % self.cells.len()].clone()));
        TENANTS.into_iter().enumerate().map(place).collect()
    }
}

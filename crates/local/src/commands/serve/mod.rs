//! `cellstack-local serve`

mod fault;
mod greeting;
mod lines;
mod signals;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use cellstack_core::{CellId, TenantId};
use cellstack_embedded::activity::Activity;
use cellstack_embedded::bound::{MAX_DATA, MIN_DATA};
use cellstack_embedded::cells::MAX_CELLS;
use cellstack_embedded::data::DataDir;
use cellstack_embedded::names::REGION;
use cellstack_embedded::serve::Served;
use cellstack_embedded::{Disorder, Pipeline, Stack};
use cellstack_emulator::Fault;
use cellstack_simulator::Application;
use clap::Args;

use super::{print, size};
use lines::Lines;
use signals::interrupted;
use source::Source;

/// Tenants that every served stack has, placed in the cells in this order.
pub(crate) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// Cells unless others are named.
const CELLS: [&str; 3] = ["alpha", "beta", "gamma"];
/// Most tenants, at some ten kilobytes each.
const MAX_TENANTS: i64 = 10_000;

/// Serve the stack until Ctrl-C
///
/// The function URL and an AWS-compatible endpoint for DynamoDB, SNS and SQS, on 127.0.0.1. Tenants acme, globex and initech
/// are placed in the cells in this order; requests name their tenant in the header x-tenant-id, unless --tenant-source
/// names another place. The stack is in memory.
///
/// --data DIR keeps the stack on disk: tables, unread stream records, topics, and queues with their messages. A restart
/// continues with it, even after kill -9: nothing that was acknowledged is lost, and events under way are processed
/// once. Cells that `cell add` added are kept, too. Deduplication ids, request tokens of transactions, message move tasks and faults are not kept. Writes are not forced to
/// the disk one by one, so a power failure may lose the last moments before it.
///
/// --max-data bounds the stack. Near the bound, the events that were processed longest ago expire, as with a TTL. When data
/// that must not be lost (unprocessed events, messages, dead letters) reaches it alone, new events get 429, and calls that add
/// data to the AWS endpoint get a throttling error.
///
/// Standard output has one line, when all is ready. Standard error shows what to try, then each event's way: accepted,
/// published, processed or failed, and each dead letter. RUST_LOG sets what the functions themselves log: error, warn, info,
/// debug, or by module, as in RUST_LOG=cellstack_consumer=debug; each line names its request's id and path.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local serve
  cellstack-local serve --data stack
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
    /// The cells, separated by commas; 64 at most. Those in --data, or alpha,beta,gamma, unless given
    #[arg(long, value_delimiter = ',')]
    cells: Option<Vec<CellId>>,
    /// Keeps the stack in this directory, and continues with the one in it; in memory unless given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Adds tenant-1 to tenant-N, spread evenly over the cells; 10000 at most
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=MAX_TENANTS))]
    tenants: u32,
    /// The place where requests name their tenant
    #[arg(long, value_enum, value_name = "SOURCE", default_value_t = Source::Header)]
    tenant_source: Source,
    /// Place a tenant that has no cell at its first event: it gets 503 until the placer has placed it
    #[arg(long)]
    first_sight: bool,
    /// Faults from the start
    #[arg(long, value_name = "KIND:TABLE", value_parser = fault::parse, hide = true)]
    fault: Vec<Fault>,
    /// Bound on events, stream records and messages: 1G unless given, 8M at least. The process needs up to twice as much
    /// memory
    #[arg(long, value_name = "SIZE", value_parser = max_data)]
    max_data: Option<u64>,
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
        let (cells, data) = self.cells()?;
        let max_data = self.max_data.unwrap_or(MAX_DATA);
        let stack = self.stack(application, &cells, data, max_data).await?;
        let served = Served::start_within(stack, self.port, self.endpoint_port, max_data).await?;
        for fault in &self.fault {
            served.stack.aws().faults().inject(fault.clone());
        }
        let lines = Lines::new(self.verbose);
        if !self.quiet {
            let placements = placements(&cells)?;
            lines.say(greeting::text(&served, max_data, &placements, self.tenants, self.tenant_source, A::EXAMPLE));
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

    /// Returns the cells, and the directory that keeps them.
    fn cells(&self) -> Result<(Vec<CellId>, Option<DataDir>)> {
        let wanted = self.cells.as_deref();
        if let Some(cells) = wanted {
            if cells.len() > MAX_CELLS {
                bail!("--cells names {} cells; expected {MAX_CELLS} at most", cells.len());
            }
            if let Some((_, cell)) = cells.iter().enumerate().find(|(at, cell)| cells[..*at].contains(cell)) {
                bail!("--cells names {cell} twice");
            }
        }
        let default = CELLS.into_iter().map(str::parse).collect::<Result<Vec<CellId>, _>>()?;
        let data = self.data.as_deref().map(|path| DataDir::open(path, wanted, &default)).transpose()?;
        let cells = data.as_ref().map_or_else(|| wanted.unwrap_or(&default).to_vec(), DataDir::cells);
        Ok((cells, data))
    }

    async fn stack(
        &self,
        application: impl Application,
        cells: &[CellId],
        data: Option<DataDir>,
        max_data: u64,
    ) -> Result<Stack> {
        let mut builder =
            Stack::builder().pipeline(Pipeline::IMPATIENT).disorder(Disorder::SERVED).seed(rand::random());
        builder = builder.max_data(max_data);
        builder = builder.tenant_source(self.tenant_source.setting()?);
        for cell in cells {
            builder = builder.cell(cell.clone());
        }
        let numbered = (1..=self.tenants).map(|number| format!("tenant-{number}").parse::<TenantId>());
        for (at, tenant) in numbered.enumerate() {
            builder = builder.tenant(tenant?, cells[at % cells.len()].clone());
        }
        for (tenant, cell) in placements(cells)? {
            builder = builder.tenant(tenant, cell);
        }
        if self.first_sight {
            builder = builder.first_sight();
        }
        if let Some(data) = data {
            builder = builder.data(data);
        }
        builder.build_growing(move || application.clone()).await
    }
}

/// Parses the bound and refuses one below the smallest.
fn max_data(text: &str) -> Result<u64, String> {
    let bytes = size::parse(text)?;
    if bytes < MIN_DATA {
        return Err(format!("expected {} at least", size::show(MIN_DATA)));
    }
    Ok(bytes)
}

/// Returns the named tenants and their cells.
fn placements(cells: &[CellId]) -> Result<Vec<(TenantId, CellId)>> {
    let place = |(at, tenant): (usize, &str)| Ok((tenant.parse()?, cells[at % cells.len()].clone()));
    TENANTS.into_iter().enumerate().map(place).collect()
}

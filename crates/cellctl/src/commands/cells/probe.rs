//! `cellctl cells probe`

use std::time::Duration;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use cellstack_store::cells::Cell;
use clap::Args;
use futures::future::join_all;

use crate::cells;
use crate::cli::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::health::{Probe, probe};

/// Send an event through each cell and wait until it is processed
///
/// The event is written into the cell's table as the router writes one. Stream, producer, topic, queue and consumer have to
/// pass it on; the consumer marks it without asking the processor. Results are kept in the registry: cellctl status shows the
/// last. Exit code 3 if a probe failed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells probe
  cellctl cells probe alpha --timeout 10 --output json")]
pub(super) struct ProbeCells {
    /// The cells; all that serve unless given
    #[arg(value_name = "CELL")]
    cell: Vec<CellId>,
    /// Seconds that an event may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl ProbeCells {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let listing = cells::list(deployment).await?;
        let mut chosen = cells::named(deployment, &self.cell).await?;
        if self.cell.is_empty() {
            chosen.retain(|cell| cell.status() != CellStatus::Retired);
        }
        let probes = all(deployment, &chosen, Duration::from_secs(self.timeout)).await;
        for probe in &probes {
            let before = listing.health.get(&probe.cell).cloned().unwrap_or_default();
            if let Err(why) = probe.keep(deployment, &before).await {
                console.say(format_args!("not kept: {why}"));
            }
        }
        print(&probes, output, console)?;
        Ok(Completion::of(probes.iter().all(Probe::passed)))
    }
}

/// Probes cells at once.
pub(super) async fn all(deployment: &Deployment, cells: &[Cell], timeout: Duration) -> Vec<Probe> {
    join_all(cells.iter().map(|cell| probe(deployment, cell, timeout))).await
}

pub(super) fn print(probes: &[Probe], output: Output, console: &mut Console) -> Result<()> {
    if output == Output::Json {
        return console.json(&probes);
    }
    let mut table = table(&["cell", "the event was", "after", "detail"]);
    for Probe { cell, stage, ms, error, .. } in probes {
        let after = ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        table.add_row([cell.as_str(), stage.as_str(), &after, error.as_deref().unwrap_or_default()]);
    }
    console.print(table)
}

//! `cellctl cells probe`

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use cellstack_store::cells::Cell;
use clap::Args;
use futures::future::join_all;
use serde::Serialize;

use super::act::{self, Acted, act};
use crate::cells;
use crate::cli::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::health::{Probe, Rules, probe};

/// Send an event through each cell and wait until it is processed
///
/// The event is written into the cell's table as the router writes one. Stream, producer, topic, queue and consumer have to
/// pass it on; the consumer marks it without asking the processor. Results are kept in the registry: cellctl status shows the
/// last. Exit code 3 if a probe failed.
///
/// With --act, cells are marked by their results, as the work of "probe": an active cell goes down after several failures in
/// a row, and a cell that went down so comes up after several successes. What an operator has marked stays, and a mark begins
/// the count anew. No more than a share of the fleet is taken out, whoever took out the rest. Any number of runs may act at
/// once. While a cell's events are carried home, the run probes nothing else.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells probe
  cellctl cells probe alpha --timeout 10 --output json
  cellctl cells probe --act --dry-run
  cellctl cells probe --act --loop --every 10 --failures 3 --max-down 25")]
pub(super) struct ProbeCells {
    /// The cells; all that serve unless given
    #[arg(value_name = "CELL")]
    cell: Vec<CellId>,
    /// Seconds that an event may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Probe again and again, until Ctrl-C
    #[arg(long = "loop")]
    again: bool,
    /// Seconds between two rounds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "again", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
    #[command(flatten)]
    automation: Automation,
}

/// The bounds within which cells are marked.
#[derive(Debug, Args)]
struct Automation {
    /// Mark cells down and up, by the results
    #[arg(long)]
    act: bool,
    /// Failures in a row that take a cell out
    #[arg(long, value_name = "PROBES", default_value_t = 3, requires = "act", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    failures: u32,
    /// Successes in a row that bring a cell back
    #[arg(long, value_name = "PROBES", default_value_t = 5, requires = "act", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    successes: u32,
    /// Percent of the cells that may be out of service: no cell is taken out beyond it
    #[arg(long, value_name = "PERCENT", default_value_t = 25, requires = "act", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_down: u8,
    /// Probe, say what would be marked, and mark nothing
    #[arg(long, requires = "act")]
    dry_run: bool,
}

/// The results of a round.
#[derive(Debug, Serialize)]
struct Round {
    probes: Vec<Probe>,
    /// The decisions of automation, if it acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<Vec<Acted>>,
}

impl ProbeCells {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let mut round = self.round(deployment, console).await?;
        let mut ended = round.print(output, console)?;
        let every = Duration::from_secs(self.every);
        let stop = deployment.stop();
        while self.again && stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            // A registry that is out of reach for a while must not end the watch.
            match self.round(deployment, console).await {
                Ok(next) => {
                    round = next;
                    ended = round.print(output, console)?;
                }
                Err(error) => {
                    console.say(format_args!("this round failed: {error:#}"));
                    ended = Completion::LeftSome;
                }
            }
        }
        Ok(ended)
    }

    async fn round(&self, deployment: &Deployment, console: &mut Console) -> Result<Round> {
        let mut chosen = cells::named(deployment, &self.cell).await?;
        if self.cell.is_empty() {
            chosen.retain(|cell| cell.status() != CellStatus::Retired);
        }
        let probes = all(deployment, &chosen, Duration::from_secs(self.timeout)).await;
        let stopped = deployment.stop().is_cancelled();
        let mut kept = BTreeSet::new();
        for (cell, probe) in chosen.iter().zip(&probes) {
            // A probe that was stopped says nothing of its cell.
            if stopped && !probe.passed() {
                continue;
            }
            match probe.keep(deployment, cell).await {
                Ok(_) => drop(kept.insert(cell.id.clone())),
                Err(why) => console.say(format_args!("not kept: {why}")),
            }
        }
        let marks = match &self.automation {
            Automation { act: true, failures, successes, max_down, dry_run } if !stopped => {
                let rules = Rules { failures: *failures, successes: *successes, max_down: *max_down };
                Some(act(deployment, &rules, &kept, *dry_run, console).await?)
            }
            _ => None,
        };
        Ok(Round { probes, marks })
    }
}

impl Round {
    fn print(&self, output: Output, console: &mut Console) -> Result<Completion> {
        let Self { probes, marks } = self;
        match (output, marks) {
            (Output::Json, Some(_)) => console.json(self)?,
            (_, None) => print(probes, output, console)?,
            (Output::Table, Some(marks)) => {
                print(probes, output, console)?;
                act::print(marks, console)?;
            }
        }
        let settled = marks.iter().flatten().all(Acted::is_settled);
        Ok(Completion::of(settled && probes.iter().all(Probe::passed)))
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

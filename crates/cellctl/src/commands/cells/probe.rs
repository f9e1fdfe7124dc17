//! `cellctl cells probe`

use std::time::Duration;

use anyhow::Result;
use cellstack_core::CellId;
use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::health::{Acted, Action, Automation, Probe, Round, Rules, Settings};

/// Send an event through each cell and wait until it is processed
///
/// The event is written into the cell's table as the router writes one. Stream, producer, topic, queue and consumer have to
/// pass it on; the consumer marks it without asking the processor. Results are kept in the registry: cellctl status shows the
/// last. Exit code 3 if a probe failed.
///
/// With --act, cells are marked by their results, as the work of "probe": an active cell goes down after several failures in
/// a row, and a cell that went down so comes up after several successes. What an operator has marked stays, and a mark begins
/// the count anew. No more than a share of the fleet is taken out, the cells that operators took out included. Any number of
/// runs may probe; one at a time marks. While a cell's events are carried home, its run probes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells probe
  cellctl cells probe alpha --timeout 10 --output json
  cellctl cells probe --act --dry-run
  cellctl cells probe --act --loop --every 10 --failures 3 --max-down 25")]
pub(super) struct ProbeCells {
    /// The cells; all but retired ones unless given
    #[arg(value_name = "CELL")]
    cell: Vec<CellId>,
    /// Seconds that an event may take
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=Settings::MAX_TIMEOUT.as_secs()))]
    timeout: u64,
    /// Repeat the round until Ctrl-C
    #[arg(long = "loop")]
    again: bool,
    /// Seconds between two rounds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "again", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
    #[command(flatten)]
    act: Act,
}

/// The bounds within which cells are marked.
#[derive(Debug, Args)]
struct Act {
    /// Mark cells down and up, by the results
    #[arg(long)]
    act: bool,
    /// Failures in a row that take a cell out
    #[arg(long, value_name = "PROBES", default_value_t = Rules::DEFAULT.failures, requires = "act", value_parser = row())]
    failures: u32,
    /// Successes in a row that bring a cell back
    #[arg(long, value_name = "PROBES", default_value_t = Rules::DEFAULT.successes, requires = "act", value_parser = row())]
    successes: u32,
    /// Percent of the cells that may be out of service: no cell is taken out beyond it
    #[arg(long, value_name = "PERCENT", default_value_t = Rules::DEFAULT.max_down, requires = "act", value_parser = clap::value_parser!(u8).range(0..=100))]
    max_down: u8,
    /// Probe, say what would be marked, and mark nothing
    #[arg(long, requires = "act")]
    dry_run: bool,
}

fn row() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=u64::from(Rules::MAX_ROW))
}

impl ProbeCells {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let settings = self.settings();
        let mut ended = print(&Round::run(deployment, &settings, console).await?, output, console)?;
        let every = Duration::from_secs(self.every);
        let stop = deployment.stop();
        while self.again && stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            // A registry that is out of reach for a while must not end the watch.
            ended = match Round::run(deployment, &settings, console).await {
                Ok(round) => print(&round, output, console)?,
                Err(error) => {
                    console.say(format_args!("this round failed: {error:#}"));
                    Completion::LeftSome
                }
            };
        }
        Ok(ended)
    }

    fn settings(&self) -> Settings {
        let Act { act, failures, successes, max_down, dry_run } = self.act;
        let rules = Rules { failures, successes, max_down };
        Settings {
            cells: self.cell.clone(),
            timeout: Duration::from_secs(self.timeout),
            automation: act.then_some(Automation { rules, dry_run }),
        }
    }
}

fn print(round: &Round, output: Output, console: &mut Console) -> Result<Completion> {
    let Round { probes, marks, .. } = round;
    match (output, marks) {
        (Output::Json, Some(_)) => console.json(round)?,
        (Output::Json, None) => console.json(probes)?,
        (Output::Table, _) => {
            print_probes(probes, console)?;
            if let Some(marks) = marks {
                print_marks(marks, console)?;
            }
        }
    }
    Ok(Completion::of(round.is_settled()))
}

fn print_probes(probes: &[Probe], console: &mut Console) -> Result<()> {
    let mut table = table(&["cell", "the event was", "after", "detail"]);
    for Probe { cell, stage, ms, error, .. } in probes {
        let after = ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
        table.add_row([cell.as_str(), stage.as_str(), &after, error.as_deref().unwrap_or_default()]);
    }
    console.print(table)
}

fn print_marks(marks: &[Acted], console: &mut Console) -> Result<()> {
    if marks.is_empty() {
        console.say("no cell to mark");
        return Ok(());
    }
    let mut table = table(&["cell", "was", "automation says", "because", "result"]);
    for Acted { cell, before, action, because, done, error, .. } in marks {
        let action = match action {
            Action::Down => "down",
            Action::Up => "up",
            Action::Leave => "leave",
        };
        let result = error.as_deref().unwrap_or(if *done { "done" } else { "-" });
        table.add_row([cell.as_str(), before, action, because, result]);
    }
    console.print(table)
}

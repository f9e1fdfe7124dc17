//! `cellctl status`

use std::time::Duration;

use anyhow::Result;
use cellstack_core::registry::{CellHealth, CellStatus};
use cellstack_core::{CellId, Clock as _};
use cellstack_store::cells::{Cell, Listing};
use clap::Args;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use crate::cells;
use crate::cli::Completion;
use crate::commands::cells::strays;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::dlq::{Filter, queues};
use crate::queue::{Size, size};

/// Show all cells on one screen, and what needs a look
///
/// Messages and letters are SQS's approximate counts. The last probe's time, from its write until it was processed, is the
/// measure of how far stream and queue lag; cellctl cells probe makes one.
///
/// Exit code 3 if something needs a look: a cell that is down, recovering or nearly full, letters, a failed probe, a cell that
/// only one of Terraform and cellctl knows.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl status
  cellctl status --output json
  cellctl status --watch --every 5")]
pub(crate) struct Status {
    /// Show it again and again, in place, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

/// Cells whose queues are read at once.
const AT_ONCE: usize = 16;

/// The share of its capacity, in percent, from which a cell counts as nearly full.
const NEARLY_FULL: u64 = 90;

/// The state of the fleet.
#[derive(Debug, Serialize)]
struct Screen {
    cells: Vec<Row>,
    tenants: u64,
    placed: u64,
    capacity: u64,
    /// The things that need a look.
    notes: Vec<String>,
}

/// The state of a cell.
#[derive(Debug, Serialize)]
struct Row {
    cell: CellId,
    status: &'static str,
    tenants: u64,
    placed: u64,
    capacity: u64,
    /// Messages in the queue; `None` if it can't be read.
    messages: Option<Size>,
    /// Letters in the three dead-letter queues; `None` if one can't be read.
    #[serde(rename = "letters")]
    dead_letters: Option<u64>,
    probe: Option<CellHealth>,
    reason: Option<String>,
}

impl Status {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        loop {
            let screen = Screen::read(deployment).await?;
            if self.watch {
                console.clear()?;
            }
            screen.print(output, deployment.clock.wall_ms(), console)?;
            if !self.watch {
                return Ok(Completion::of(screen.notes.is_empty()));
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(self.every)) => {}
                () = deployment.stop().cancelled() => return Ok(Completion::of(screen.notes.is_empty())),
            }
        }
    }
}

impl Screen {
    async fn read(deployment: &Deployment) -> Result<Self> {
        let listing = cells::list(deployment).await?;
        let rows = stream::iter(&listing.cells).map(|cell| Row::read(deployment, &listing, cell));
        let cells: Vec<Row> = rows.buffered(AT_ONCE).collect().await;
        let notes = cells.iter().flat_map(Row::notes).chain(strays(&listing)).collect();
        let sum = |of: fn(&Row) -> u64| cells.iter().map(of).sum();
        let (tenants, placed) = (sum(|row| row.tenants), sum(|row| row.placed));
        Ok(Self { tenants, placed, capacity: sum(|row| row.capacity), notes, cells })
    }

    fn print(&self, output: Output, now_ms: u64, console: &mut Console) -> Result<()> {
        if output == Output::Json {
            return console.json(self);
        }
        let header = ["cell", "status", "tenants", "load", "messages", "letters", "last probe", "reason"];
        let mut table = table(&header);
        for row in &self.cells {
            table.add_row(row.cells(now_ms));
        }
        console.print(table)?;
        console.say(format_args!(
            "{} cells, {} tenants, {} of a capacity of {} placed",
            self.cells.len(),
            self.tenants,
            self.placed,
            self.capacity
        ));
        for note in &self.notes {
            console.say(format_args!("look: {note}"));
        }
        Ok(())
    }
}

impl Row {
    async fn read(deployment: &Deployment, listing: &Listing, cell: &Cell) -> Self {
        let state = cell.state.as_ref();
        let mut dead_letters = Some(0);
        for queue in queues(deployment, std::slice::from_ref(cell), &Filter::default()) {
            dead_letters = match (dead_letters, queue.size().await) {
                (Some(sum), Ok(size)) => Some(sum + size.total()),
                _ => None,
            };
        }
        Self {
            cell: cell.id.clone(),
            status: state.map_or("new", |state| state.status.as_str()),
            tenants: state.map_or(0, |state| state.tenants),
            placed: state.map_or(0, |state| state.placed),
            capacity: cell.config.capacity,
            messages: size(&deployment.sqs, &cell.config.queue_url).await.ok(),
            dead_letters,
            probe: listing.health.get(&cell.id).cloned(),
            reason: state.and_then(|state| state.reason.clone()),
        }
    }

    /// Returns the things that need a look.
    fn notes(&self) -> Vec<String> {
        let cell = &self.cell;
        let mut notes = Vec::new();
        if [CellStatus::Down, CellStatus::Recovering].map(CellStatus::as_str).contains(&self.status) {
            notes.push(format!("{cell} is {}: cellctl cells up {cell}, when it is well", self.status));
        }
        if self.placed * 100 >= self.capacity * NEARLY_FULL && self.capacity > 0 && self.status == "active" {
            notes.push(format!("{cell} is nearly full: raise its capacity in Terraform, or add a cell"));
        }
        match self.dead_letters {
            Some(0) => {}
            Some(count) => notes.push(format!("{cell} has {count} letters: cellctl dlq ls --cell {cell}")),
            None => notes.push(format!("{cell}: its queues can't be read")),
        }
        if let Some(CellHealth { failures: failures @ 1.., error, .. }) = &self.probe {
            let error = error.as_deref().unwrap_or_default();
            notes.push(format!("{cell}: the last {failures} probes failed: {error}"));
        }
        notes
    }

    fn cells(&self, now_ms: u64) -> [String; 8] {
        let share = (self.placed * 100).checked_div(self.capacity).unwrap_or_default();
        let messages = self.messages.map_or_else(
            || "?".to_owned(),
            |size| match size.hidden {
                0 => size.visible.to_string(),
                hidden => format!("{} + {hidden} in hand", size.visible),
            },
        );
        let probe = self.probe.as_ref().map_or_else(
            || "-".to_owned(),
            |probe| {
                let age = now_ms.saturating_sub(probe.at) / 1_000;
                let result = probe.ms.map_or_else(|| format!("{} failed", probe.failures), |ms| format!("{ms} ms"));
                format!("{result}, {age} s ago")
            },
        );
        [
            self.cell.to_string(),
            self.status.to_owned(),
            self.tenants.to_string(),
            format!("{} of {} ({share} %)", self.placed, self.capacity),
            messages,
            self.dead_letters.map_or_else(|| "?".to_owned(), |count| count.to_string()),
            probe,
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

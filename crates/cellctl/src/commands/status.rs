//! `cellctl status`

use std::time::Duration;

use anyhow::Result;
use cellstack_aws::AwsFailure;
use cellstack_core::event::rfc3339;
use cellstack_core::registry::{CellHealth, CellStatus};
use cellstack_core::{CellId, Clock as _, TenantId, names};
use cellstack_store::cells::{Cell, Listing};
use cellstack_store::moves::{self, MoveId, MoveRecord, Phase, Switch};
use clap::Args;
use futures::future::join3;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use crate::cells;
use crate::cells::lag::{self, Lag};
use crate::cells::queue::{Size, size};
use crate::commands::cells::strays;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::dlq::{Filter, queues};
use crate::moving::PausedBy;

/// Show all cells on one screen, and what needs a look
///
/// Messages and letters are SQS's approximate counts. The age of the oldest message, and of the stream record to which the producer
/// comes next, are CloudWatch's, some minutes old. The last probe's time is that from its write until it was processed; cellctl
/// cells probe makes one.
///
/// Exit code 3 if something needs a look: a cell that is down, recovering or nearly full, letters, a failed probe, messages or
/// stream records older than 15 minutes, a cell that only one of Terraform and cellctl knows, a tenant whose writes have waited
/// for its move for longer than a minute.
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

/// The age from which messages and stream records need a look: that of Terraform's alarms, unless `alarms` sets another.
const LATE: Duration = Duration::from_secs(15 * 60);

/// The latest moves, among which those under way are looked for: a page of the registry holds more.
const MOVES: usize = 1_000;

/// The time after which writes that wait for a move need a look: a source drains for 30 s, or as `--drain-time` says.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// The state of the fleet.
#[derive(Debug, Serialize)]
struct Screen {
    cells: Vec<Row>,
    tenants: u64,
    placed: u64,
    capacity: u64,
    moves: Moves,
    /// The reason why no cell's lag is known.
    lag_error: Option<String>,
    /// The things that need a look.
    notes: Vec<String>,
}

/// The moves that have not ended.
#[derive(Debug, Default, Serialize)]
struct Moves {
    under_way: Vec<UnderWay>,
    /// The operator's pause that keeps plans from beginning another.
    paused: Option<PausedBy>,
}

/// A move that has not ended.
#[derive(Debug, Serialize)]
struct UnderWay {
    #[serde(rename = "move")]
    id: MoveId,
    tenant: TenantId,
    from: CellId,
    to: CellId,
    phase: Phase,
    by: String,
    /// The time since when the tenant's writes wait; `None` while its source takes them.
    fenced: Option<String>,
    #[serde(skip)]
    fenced_ms: Option<u64>,
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
    lag: Lag,
    /// Letters in the three dead-letter queues; `None` if one can't be read.
    #[serde(rename = "letters")]
    dead_letters: Option<u64>,
    probe: Option<LastProbe>,
    reason: Option<String>,
}

/// The last probe of a cell.
#[derive(Debug, Serialize)]
struct LastProbe {
    at: String,
    #[serde(skip)]
    at_ms: u64,
    /// Milliseconds from its write until it was processed; `None` if it failed.
    ms: Option<u64>,
    error: Option<String>,
    /// Probes in a row that failed, and that passed, up to this one.
    failures: u32,
    successes: u32,
}

impl Status {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        loop {
            let now_ms = deployment.clock.wall_ms();
            let screen = Screen::read(deployment, now_ms).await?;
            if self.watch {
                console.clear()?;
            }
            screen.print(output, now_ms, console)?;
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
    async fn read(deployment: &Deployment, now_ms: u64) -> Result<Self> {
        let listing = cells::list(deployment).await?;
        let rows = stream::iter(&listing.cells).map(|cell| Row::read(deployment, &listing, cell)).buffered(AT_ONCE);
        let (mut cells, moves, lags): (Vec<Row>, _, _) =
            join3(rows.collect(), Moves::read(deployment), lag::read(deployment, &listing.cells)).await;
        let (lags, lag_error) = lags.map_or_else(|error| (Vec::new(), Some(format!("{error:#}"))), |lags| (lags, None));
        for (row, lag) in cells.iter_mut().zip(lags) {
            row.lag = lag;
        }
        let mut notes: Vec<String> =
            cells.iter().flat_map(|row| row.notes(deployment.prefix())).chain(strays(&listing)).collect();
        // One record that can't be read does not hide the cells.
        let moves = moves.unwrap_or_else(|failure| {
            notes.push(failure.to_string());
            Moves::default()
        });
        notes.extend(moves.under_way.iter().filter_map(|one| one.note(now_ms)));
        let sum = |of: fn(&Row) -> u64| cells.iter().map(of).sum();
        let (tenants, placed) = (sum(|row| row.tenants), sum(|row| row.placed));
        Ok(Self { tenants, placed, capacity: sum(|row| row.capacity), moves, lag_error, notes, cells })
    }

    fn print(&self, output: Output, now_ms: u64, console: &mut Console) -> Result<()> {
        if output == Output::Json {
            return console.json(self);
        }
        let header = ["cell", "status", "tenants", "load", "messages", "stream lag", "letters", "last probe", "reason"];
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
        if let Some(error) = &self.lag_error {
            console.say(format_args!("the ages of messages and stream records are unknown: {error}"));
        }
        match self.moves.under_way.len() {
            0 => {}
            1 => console.say("1 move is under way: cellctl moves ls --under-way"),
            count => console.say(format_args!("{count} moves are under way: cellctl moves ls --under-way")),
        }
        if let Some(PausedBy { by, at, reason }) = &self.moves.paused {
            console.say(format_args!(
                "plans are paused by {by} since {at}: {reason}. cellctl moves unpause lets them go on"
            ));
        }
        for note in &self.notes {
            console.say(format_args!("look: {note}"));
        }
        Ok(())
    }
}

impl Moves {
    async fn read(deployment: &Deployment) -> Result<Self, AwsFailure> {
        let (dynamodb, registry) = (&deployment.dynamodb, deployment.registry());
        let latest = moves::all(dynamodb, &registry, |found| found.len() >= MOVES).await?;
        let under_way = latest.into_iter().filter(|record| record.phase.is_under_way()).map(UnderWay::from).collect();
        let paused = Switch { client: dynamodb, registry: &registry }.read().await?;
        Ok(Self { under_way, paused: paused.map(PausedBy::from) })
    }
}

impl From<MoveRecord> for UnderWay {
    fn from(record: MoveRecord) -> Self {
        let MoveRecord { id, tenant, from, to, phase, by, times, .. } = record;
        let fenced_ms = times.get(&Phase::Fenced).copied();
        Self { id, tenant, from, to, phase, by, fenced: fenced_ms.map(rfc3339), fenced_ms }
    }
}

impl UnderWay {
    /// Returns what needs a look: writes that wait for long.
    fn note(&self, now_ms: u64) -> Option<String> {
        let waited = Duration::from_millis(now_ms.saturating_sub(self.fenced_ms?));
        let Self { id, tenant, by, .. } = self;
        (waited > LONG_PAUSE).then(|| {
            let seconds = waited.as_secs();
            format!("{tenant}'s writes have waited for {seconds} s for a move of {by}'s: cellctl moves resume {id}")
        })
    }
}

impl From<CellHealth> for LastProbe {
    fn from(health: CellHealth) -> Self {
        let CellHealth { failures, successes, at, ms, error, .. } = health;
        Self { at: rfc3339(at), at_ms: at, ms, error, failures, successes }
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
            lag: Lag::default(),
            dead_letters,
            probe: listing.health.get(&cell.id).cloned().map(LastProbe::from),
            reason: state.and_then(|state| state.reason.clone()),
        }
    }

    /// Returns the things that need a look.
    fn notes(&self, prefix: &str) -> Vec<String> {
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
        let late = |age: Option<u64>| age.filter(|seconds| *seconds > LATE.as_secs());
        if let Some(seconds) = late(self.lag.stream_s) {
            let producer = names::producer(prefix, cell);
            notes.push(format!(
                "{cell}'s stream is published {seconds} s late: see the log and the mapping of {producer}"
            ));
        }
        if let Some(seconds) = late(self.lag.oldest_message_s) {
            let consumer = names::consumer(prefix, cell);
            notes
                .push(format!("{cell}'s oldest message is {seconds} s old: see the log and the mapping of {consumer}"));
        }
        if let Some(LastProbe { failures: failures @ 1.., error, .. }) = &self.probe {
            let error = error.as_deref().unwrap_or_default();
            notes.push(format!("{cell}: the last {failures} probes failed: {error}"));
        }
        notes
    }

    fn cells(&self, now_ms: u64) -> [String; 9] {
        let share = (self.placed * 100).checked_div(self.capacity).unwrap_or_default();
        let mut messages = self.messages.map_or_else(
            || "?".to_owned(),
            |size| match size.hidden {
                0 => size.visible.to_string(),
                hidden => format!("{} + {hidden} in hand", size.visible),
            },
        );
        if let Some(seconds @ 1..) = self.lag.oldest_message_s {
            messages.push_str(&format!(", oldest {seconds} s"));
        }
        let probe = self.probe.as_ref().map_or_else(
            || "-".to_owned(),
            |probe| {
                let age = now_ms.saturating_sub(probe.at_ms) / 1_000;
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
            self.lag.stream_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
            self.dead_letters.map_or_else(|| "?".to_owned(), |count| count.to_string()),
            probe,
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

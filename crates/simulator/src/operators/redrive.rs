//! The operators' part of a run: redrives, some of them killed partway.

use cellstack_core::sync::lock;
use std::cell::Cell;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cellstack_cellctl::{Cli, Console, Deployment};
use cellstack_core::EventId;
use clap::Parser as _;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};
use serde::Deserialize;

use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::names::PREFIX;

/// Salt that separates these random numbers from those of the other parts of a run.
const SALT: u64 = 0x7265_6472_6976_6531;
/// Longest life of a redrive that is to be killed: each of its calls is an await point, milliseconds apart.
const SHORT_LIFE: Duration = Duration::from_secs(2);
/// Time after which the letters of a killed redrive are visible again.
const HIDDEN: Duration = Duration::from_secs(180);
/// Time after which no letter can be that of a consumer which is still marking its event.
const MARKED: Duration = Duration::from_secs(16 * 60);

/// The default of `cellctl`.
const MAX_ATTEMPTS: u32 = 3;
const DAY: Duration = Duration::from_secs(86_400);

/// The report of a redrive.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Report {
    #[serde(rename = "letters")]
    dead_letters: Vec<Row>,
    unseen: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    tenant: Option<String>,
    event: Option<EventId>,
    outcome: String,
    what: String,
}

impl Report {
    /// Returns the reason why the redrive left the letters of an event.
    pub(crate) fn why_left(&self, tenant: &str, event: EventId) -> Option<&str> {
        let of = |row: &&Row| row.tenant.as_deref() == Some(tenant) && row.event == Some(event);
        self.dead_letters.iter().filter(of).find(|row| row.outcome == "left").map(|row| row.what.as_str())
    }

    /// Returns whether the redrive could not see all letters.
    pub(crate) fn is_partial(&self) -> bool {
        !self.unseen.is_empty()
    }
}

/// A count of redrives that were killed or ended while faults went on.
#[derive(Debug, Default)]
pub(crate) struct Redrives {
    killed: Cell<u64>,
    ended: Cell<u64>,
}

impl Redrives {
    /// Returns the number of redrives that were killed.
    pub(crate) const fn killed(&self) -> u64 {
        self.killed.get()
    }

    /// Returns the number of redrives that ran to their end.
    pub(crate) const fn ended(&self) -> u64 {
        self.ended.get()
    }
}

/// Runs redrives that start together, and kills each that has a life after that time.
pub(crate) async fn redrive_together(stack: &Stack, trace: &Trace, redrives: &Redrives, lives: &[Option<Duration>]) {
    let run = |life: Option<Duration>| async move {
        // A redrive without a life is cancelled after a day: it waits for the services as long as they hang.
        let ended = tokio::time::timeout(life.unwrap_or(DAY), redrive(stack, MAX_ATTEMPTS)).await;
        let count = if ended.is_ok() { &redrives.ended } else { &redrives.killed };
        count.set(count.get() + 1);
        match ended {
            Ok(Ok(report)) => trace.note(format_args!("redriven: {} letters", report.dead_letters.len())),
            Ok(Err(error)) => trace.note(format_args!("a redrive failed: {error:#}")),
            Err(_) => trace.note(format_args!("a redrive is killed")),
        }
    };
    lives.iter().copied().map(run).collect::<FuturesUnordered<_>>().collect::<()>().await;
}

/// Redrives everything when no service fails any more: once killed somewhere, then to the end, until another run would find no
/// fewer letters. Of an event's letters, a run sends one; and an application may refuse an event once more, since another one
/// was not processed yet. Returns the report of the last run, after which only letters with a reason can be left.
pub(crate) async fn redrive_all(stack: &Stack, seed: u64, trace: &Trace, rest: impl AsyncFn()) -> Result<Report> {
    tokio::time::sleep(MARKED).await;
    let life = StdRng::seed_from_u64(seed ^ SALT).random_range(Duration::ZERO..SHORT_LIFE);
    let ended = tokio::time::timeout(life, redrive(stack, u32::MAX)).await;
    trace.note(format_args!("a redrive was to be killed after {} ms, ended: {}", life.as_millis(), ended.is_ok()));
    tokio::time::sleep(HIDDEN).await;
    redrive(stack, u32::MAX).await?;
    trace.note(format_args!("redriven"));
    let mut found = usize::MAX;
    loop {
        rest().await;
        let report = redrive(stack, u32::MAX).await?;
        trace.note(format_args!("redriven: {report:?}"));
        if report.dead_letters.is_empty() || report.dead_letters.len() >= found {
            return Ok(report);
        }
        found = report.dead_letters.len();
    }
}

async fn redrive(stack: &Stack, max_attempts: u32) -> Result<Report> {
    let clock = Arc::clone(stack.clock());
    let deployment = Deployment::new(PREFIX, stack.dynamodb(), stack.sqs(), clock);
    let max_attempts = max_attempts.to_string();
    let arguments =
        ["cellctl", "--output", "json", "dlq", "redrive", "--reason", "simulated", "--operator", "simulate"];
    let limits = ["--rate", "50", "--max-attempts", &max_attempts];
    let data = Buffer::default();
    let mut console = Console::new(data.clone(), std::io::sink());
    Cli::try_parse_from(arguments.iter().chain(&limits))?.run(&deployment, &mut console).await?;
    serde_json::from_slice(&lock(&data.0)).context("a report that is not JSON")
}

/// A writer to memory.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

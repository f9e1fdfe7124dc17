//! The state of a cell, and what needs a look.

use std::time::Duration;

use cellstack_core::event::rfc3339;
use cellstack_core::registry::{CellHealth, CellStatus};
use cellstack_core::{CellId, names};
use cellstack_store::cells::{Cell, Listing};
use serde::Serialize;

use crate::cells::lag::Lag;
use crate::cells::queue::{Size, size};
use crate::deployment::Deployment;
use crate::dlq::{Filter, queues};

/// The share of its capacity, in percent, from which a cell counts as nearly full.
const NEARLY_FULL: u64 = 90;

/// The age from which messages and stream records need a look: that of Terraform's alarms, unless `alarms` sets another.
const LATE: Duration = Duration::from_secs(15 * 60);

/// The state of a cell.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    cell: CellId,
    status: &'static str,
    pub(super) tenants: u64,
    pub(super) placed: u64,
    pub(super) capacity: u64,
    /// Messages in the queue; `None` if it can't be read.
    messages: Option<Size>,
    pub(super) lag: Lag,
    /// Letters in the three dead-letter queues; `None` if one can't be read.
    #[serde(rename = "letters")]
    dead_letters: Option<u64>,
    probe: Option<LastProbe>,
    reason: Option<String>,
    /// True if the cell serves, and its standbys may still hold events of its tenants.
    #[serde(skip)]
    may_be_held_for: bool,
}

/// The last probe of a cell.
#[derive(Debug, Serialize)]
pub(super) struct LastProbe {
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

impl From<CellHealth> for LastProbe {
    fn from(health: CellHealth) -> Self {
        let CellHealth { failures, successes, at, ms, error, .. } = health;
        Self { at: rfc3339(at), at_ms: at, ms, error, failures, successes }
    }
}

impl Row {
    pub(super) async fn read(deployment: &Deployment, listing: &Listing, cell: &Cell) -> Self {
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
            may_be_held_for: state.is_some_and(|state| state.status.serves() && state.may_be_held_for()),
        }
    }

    /// Returns the things that need a look.
    pub(super) fn notes(&self, prefix: &str) -> Vec<String> {
        let cell = &self.cell;
        let mut notes = Vec::new();
        if [CellStatus::Down, CellStatus::Recovering].map(CellStatus::as_str).contains(&self.status) {
            notes.push(format!("{cell} is {}: cellctl cells up {cell}, when it is well", self.status));
        }
        if self.may_be_held_for {
            notes.push(format!("standbys may still hold events of {cell}'s tenants: cellctl cells up {cell}"));
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

    pub(super) fn cells(&self, now_ms: u64) -> [String; 9] {
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

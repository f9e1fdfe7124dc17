//! Reports of a move while it runs, and the move as it is shown afterwards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, TenantId};
use cellstack_store::moves::{MoveId, MoveRecord, Paused, Phase, Round};
use indicatif::HumanBytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Stage;
use crate::console::progress::Progress;
use crate::console::{Console, Output, table};

/// Time between two lines about a copy, where no bar shows it.
const LINES_EVERY: Duration = Duration::from_secs(10);

/// Reports the stages of one move: a bar on a terminal, lines elsewhere, as JSON for programs.
pub(crate) struct Reporter<'a> {
    console: RefCell<&'a mut Console>,
    output: Output,
    bar: Progress,
    /// Events of the source, about.
    events: u64,
    read: Cell<u64>,
    /// The beginning of the round.
    begun: Cell<Instant>,
    /// The time of the last line about the round.
    said: Cell<Instant>,
    /// The time that was left when a line last said so.
    left: Cell<Duration>,
}

impl<'a> Reporter<'a> {
    /// Makes a reporter of a tenant of about so many events.
    pub(crate) fn new(console: &'a mut Console, output: Output, events: u64) -> Self {
        let (bar, now) = (Progress::of("events", events, console), Cell::new(Instant::now()));
        let (console, left) = (RefCell::new(console), Cell::new(Duration::MAX));
        Self { console, output, bar, events, read: Cell::new(0), begun: now.clone(), said: now, left }
    }

    /// Reports a stage.
    pub(crate) fn report(&self, stage: Stage) {
        match stage {
            Stage::Round(round) => self.copied(round),
            Stage::CatchingUp(events) => self.behind(events),
            Stage::Draining(_) => {}
            Stage::Phase(phase) => self.say(said(phase).to_owned(), json!({ "phase": phase })),
            // Said when half of it is over, so that a line each time does not hide the others.
            Stage::Waiting(left) if left > self.left.get() / 2 => {}
            Stage::Waiting(left) => {
                self.left.set(left);
                let seconds = left.as_secs_f64().ceil();
                let text = format!("copied; no router has an old route in {seconds} s");
                self.say(text, json!({ "phase": Phase::Moving, "waits_seconds": seconds }));
            }
        }
    }

    /// Reports how far a round has come, which reads from the beginning.
    fn copied(&self, round: Round) {
        let Round { events, copied, bytes } = round;
        if self.bar.is_shown() {
            return self.bar.at(events, format!("{} copied", HumanBytes(bytes)));
        }
        let now = Instant::now();
        if events < self.read.replace(events) {
            self.begun.set(now);
            self.said.set(now);
        }
        if now.duration_since(self.said.get()) < LINES_EVERY {
            return;
        }
        self.said.set(now);
        let rate = events / now.duration_since(self.begun.get()).as_secs().max(1);
        // A round ends when it has caught up with the tenant's writes.
        let seconds = (events < self.events).then(|| (self.events - events) / rate.max(1));
        let text = match seconds {
            Some(seconds) => format!(
                "{events} of about {} events read, {copied} copied, {rate} per second, {seconds} s left",
                self.events
            ),
            None => format!(
                "{events} events read, {copied} copied, {rate} per second: the {} that there were, and new ones as they come",
                self.events
            ),
        };
        self.say(
            text,
            json!({ "phase": Phase::Moving, "events": events, "copied": copied, "bytes": bytes, "seconds_left": seconds }),
        );
    }

    /// Reports that the tenant has written meanwhile.
    fn behind(&self, events: u64) {
        let now = Instant::now();
        if now.duration_since(self.said.get()) < LINES_EVERY {
            return;
        }
        self.said.set(now);
        let text = format!("catching up: {events} events came while those before them were copied");
        self.say(text, json!({ "phase": Phase::Moving, "behind": events }));
    }

    fn say(&self, text: String, value: Value) {
        match self.output {
            Output::Table => self.console.borrow_mut().say(text),
            Output::Json => self.console.borrow_mut().say(value),
        }
    }

    /// Ends the bar.
    pub(crate) fn finish(self) {
        self.bar.finish();
    }
}

const fn said(phase: Phase) -> &'static str {
    match phase {
        Phase::Moving => "moving: the source takes events, and what it has processed is copied",
        Phase::Fenced => "fenced: no cell takes events, and the source processes what it has",
        Phase::Carrying => {
            "carrying: what the source has not processed is handed over; the move can only go forward now"
        }
        Phase::Drained => "drained: the rest is copied and compared",
        Phase::Verified => "verified: source and destination are equal",
        Phase::Flipped => "flipped: the destination takes events",
        Phase::Purged => "purged: the source's copy is deleted",
        Phase::Aborted => "aborted: the source takes events again",
    }
}

/// The operator who has paused all runs, for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct PausedBy {
    pub(crate) by: String,
    pub(crate) at: String,
    pub(crate) reason: String,
}

impl From<Paused> for PausedBy {
    fn from(Paused { by, reason, at }: Paused) -> Self {
        Self { by, at: rfc3339(at), reason }
    }
}

/// A move, for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct ShownMove<'a> {
    #[serde(rename = "move")]
    id: MoveId,
    tenant: &'a TenantId,
    from: &'a CellId,
    to: &'a CellId,
    phase: Phase,
    by: &'a str,
    at: String,
    started_by: &'a str,
    reason: &'a str,
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    standby_before: Option<&'a CellId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standby_after: Option<&'a CellId>,
    times: BTreeMap<Phase, String>,
    counts: &'a BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retain_until: Option<String>,
}

impl<'a> From<&'a MoveRecord> for ShownMove<'a> {
    fn from(record: &'a MoveRecord) -> Self {
        Self {
            id: record.id,
            tenant: &record.tenant,
            from: &record.from,
            to: &record.to,
            phase: record.phase,
            by: &record.by,
            at: rfc3339(record.at),
            started_by: &record.started_by,
            reason: &record.reason,
            epoch: record.epoch.0,
            standby_before: record.standby_before.as_ref(),
            standby_after: record.standby_after.as_ref(),
            times: record.times.iter().map(|(phase, at)| (*phase, rfc3339(*at))).collect(),
            counts: &record.counts,
            retain_until: record.retain_until.map(rfc3339),
        }
    }
}

/// The columns of a table of moves.
const COLUMNS: [&str; 7] = ["move", "tenant", "from", "to", "phase", "since", "by"];

impl ShownMove<'_> {
    /// Prints moves.
    pub(crate) fn print_all(records: &[MoveRecord], output: Output, console: &mut Console) -> Result<()> {
        if output == Output::Json {
            return console.json(&records.iter().map(ShownMove::from).collect::<Vec<_>>());
        }
        let mut rows = table(&COLUMNS);
        for shown in records.iter().map(ShownMove::from) {
            rows.add_row([
                &shown.id.to_string(),
                shown.tenant.as_str(),
                shown.from.as_str(),
                shown.to.as_str(),
                shown.phase.as_str(),
                &shown.at,
                shown.by,
            ]);
        }
        console.print(rows)
    }

    /// Prints one move with its timeline.
    pub(crate) fn print(&self, output: Output, console: &mut Console) -> Result<()> {
        if output == Output::Json {
            return console.json(self);
        }
        console.print(format_args!(
            "move {} of {} from {} to {}, begun by {}: {}",
            self.id, self.tenant, self.from, self.to, self.started_by, self.reason
        ))?;
        let mut timeline = table(&["phase", "at"]);
        // A stable sort: phases of one time stay in their order.
        let mut times: Vec<_> = self.times.iter().collect();
        times.sort_by_key(|(_, at)| *at);
        for (phase, at) in times {
            timeline.add_row([phase.as_str(), at]);
        }
        console.print(timeline)?;
        let mut counts = table(&["count", ""]);
        for (name, count) in self.counts {
            counts.add_row([&name.replace('_', " "), &count.to_string()]);
        }
        console.print(counts)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read as _, pipe, sink};

    use super::*;

    /// Reports stages, each after a time, where no terminal is. Returns the lines.
    async fn lines(output: Output, stages: &[(u64, Stage)]) -> Vec<String> {
        let (mut said, talk): (PipeReader, _) = pipe().unwrap();
        let mut console = Console::new(sink(), talk);
        let reporter = Reporter::new(&mut console, output, 100);
        for (seconds, stage) in stages {
            tokio::time::advance(Duration::from_secs(*seconds)).await;
            reporter.report(*stage);
        }
        reporter.finish();
        drop(console);
        let mut text = String::new();
        said.read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn round(events: u64) -> Stage {
        Stage::Round(Round { events, copied: events / 2, bytes: events * 10 })
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_says_every_ten_seconds_how_far_it_has_come() {
        let stages = [(1, round(1)), (8, round(30)), (11, round(40)), (100, round(2)), (1, round(9)), (9, round(50))];
        let text = [
            "40 of about 100 events read, 20 copied, 2 per second, 30 s left",
            "50 of about 100 events read, 25 copied, 5 per second, 10 s left",
        ];
        assert_eq!(lines(Output::Table, &stages).await, text);
        let json = lines(Output::Json, &stages[..3]).await;
        let value: Value = serde_json::from_str(&json[0]).unwrap();
        let expected = json!({"phase": "moving", "events": 40, "copied": 20, "bytes": 400, "seconds_left": 30});
        assert_eq!((json.len(), value), (1, expected));
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_follows_new_events_promises_no_time() {
        let stages = [(1, round(1)), (20, round(140))];
        let text = ["140 events read, 70 copied, 6 per second: the 100 that there were, and new ones as they come"];
        assert_eq!(lines(Output::Table, &stages).await, text);
        let value: Value = serde_json::from_str(&lines(Output::Json, &stages).await[0]).unwrap();
        assert_eq!(value["seconds_left"], Value::Null);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_reported_when_half_of_it_is_over() {
        let waits = [310, 300, 155, 150, 70, 36, 35].map(|left| (10, Stage::Waiting(Duration::from_secs(left))));
        let seconds = [310, 155, 70, 35].map(|left| format!("copied; no router has an old route in {left} s"));
        assert_eq!(lines(Output::Table, &waits).await, seconds);
    }
}

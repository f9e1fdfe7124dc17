//! The trace of a run: a hash of all that happened, in order, and the last lines in words.

use cellstack_core::sync::lock;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cellstack_core::EventId;
use cellstack_emulator::Observation;
use tokio::time::Instant;

/// Lines kept of a run that is to be shown.
const KEPT: usize = 20_000;

/// A trace of a run. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Trace(Arc<Mutex<Record>>);

/// An event of a tenant: two tenants may have events of the same id.
pub(crate) type Subject = (String, EventId);

#[derive(Debug)]
struct Record {
    start: Instant,
    hash: u64,
    lines: Option<VecDeque<String>>,
    line: String,
    /// The event at each position of a table's stream: the note of a discarded batch names positions only.
    streamed: BTreeMap<(Arc<str>, u128), Subject>,
    /// Topics and the events they took.
    published: BTreeSet<(String, Subject)>,
}

impl Trace {
    /// Starts a trace now. Lines are kept on request only: most runs need the hash alone.
    pub(crate) fn new(keep_lines: bool) -> Self {
        Self(Arc::new(Mutex::new(Record {
            start: Instant::now(),
            hash: 0xcbf2_9ce4_8422_2325,
            lines: keep_lines.then(VecDeque::new),
            line: String::new(),
            streamed: BTreeMap::new(),
            published: BTreeSet::new(),
        })))
    }

    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.lock().note(what);
    }

    pub(crate) fn observe(&self, observation: &Observation) {
        self.lock().observe(observation);
    }

    /// Returns the virtual time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().start.elapsed()
    }

    pub(crate) fn hash(&self) -> u64 {
        self.lock().hash
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().flatten().cloned().collect()
    }

    /// Returns the events of a table's stream from one position to another.
    pub(crate) fn streamed(&self, table: &str, first: u128, last: u128) -> Vec<Subject> {
        let range = (Arc::from(table), first)..=(Arc::from(table), last);
        self.lock().streamed.range(range).map(|(_, subject)| subject.clone()).collect()
    }

    /// Returns whether a topic took an event.
    pub(crate) fn was_published(&self, topic: &str, subject: &Subject) -> bool {
        self.lock().published.contains(&(topic.to_owned(), subject.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        lock(&self.0)
    }
}

impl Record {
    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        let ms = self.start.elapsed().as_millis();
        self.line.clear();
        // Writing to a String can't fail.
        let _ = write!(self.line, "{:>6}.{:03} {what}", ms / 1000, ms % 1000);
        // FNV-1a: the same on every machine and in every version of Rust.
        for byte in self.line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(lines) = &mut self.lines {
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(self.line.clone());
        }
    }

    fn observe(&mut self, observation: &Observation) {
        match observation {
            Observation::StreamBatch { function, table, records } => {
                for record in records.iter() {
                    if let Some((sequence, subject)) = position(record) {
                        self.streamed.insert((Arc::clone(table), sequence), subject);
                    }
                }
                self.note(format_args!("{function} gets {} records", records.len()));
            }
            Observation::Published { topic, message_id, body } => {
                let (topic, event) = (topic.rsplit(':').next().unwrap_or_default(), event_of(body));
                if let (Some(tenant), Ok(id)) = (tenant_of(body), event.parse()) {
                    self.published.insert((topic.to_owned(), (tenant.to_owned(), id)));
                }
                self.note(format_args!("{topic} takes {event} as {message_id}"));
            }
            Observation::Enqueued { queue, message_id, body } => {
                self.note(format_args!("{queue} holds {} as {message_id}", event_of(body)));
            }
            Observation::Received { queue, message_id, receive_count } => {
                self.note(format_args!("{queue} hands out {message_id}, time {receive_count}"));
            }
            Observation::Deleted { queue, message_id } => self.note(format_args!("{queue} is rid of {message_id}")),
            Observation::DeadLettered { source, queue, body, receive_count, reason, .. } => {
                let source = source.rsplit(':').next().unwrap_or_default();
                let queue = queue.as_deref().unwrap_or("nowhere");
                self.note(format_args!(
                    "{source} gives {} up to {queue} after {receive_count}: {reason}",
                    event_of(body)
                ));
            }
            Observation::Invoked { function, records } => self.note(format_args!("{function} runs with {records}")),
            Observation::Failed { function, error } => self.note(format_args!("{function} fails: {error}")),
            _ => {}
        }
    }
}

/// Returns the id of the event that a message, or a letter about one, is about.
fn event_of(body: &str) -> &str {
    let after = |name: &str| {
        let at = body.find(name)? + name.len();
        body.get(at..at + 36)
    };
    after("\"event\":\"").or_else(|| after("\"id\":\"")).unwrap_or("something")
}

/// Returns the tenant of a message.
fn tenant_of(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("\"tenantid\":\"")?;
    rest.split('"').next()
}

/// Returns the position and the event of a stream record.
fn position(record: &str) -> Option<(u128, Subject)> {
    let after = |name: &str, length: usize| {
        let at = record.find(name)? + name.len();
        record.get(at..at + length)
    };
    let sequence = after("\"SequenceNumber\":\"", 21)?.parse().ok()?;
    let (_, tenant) = record.split_once("\"tenant_id\":{\"S\":\"")?;
    let tenant = tenant.split('"').next()?.to_owned();
    Some((sequence, (tenant, after("\"event#", 36)?.parse().ok()?)))
}

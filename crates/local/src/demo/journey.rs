//! The way of one event through its cell.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

/// A step of an event's way, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// Accepted: durable in the cell's table.
    Router,
    /// Handed to the producer.
    Stream,
    /// Published.
    Topic,
    /// Waiting for a consumer.
    Queue,
    /// Handed to the consumer.
    Consumer,
}

impl Hop {
    /// All hops, in order.
    pub const ALL: [Self; 5] = [Self::Router, Self::Stream, Self::Topic, Self::Queue, Self::Consumer];
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Router => "router",
            Self::Stream => "stream",
            Self::Topic => "topic",
            Self::Queue => "queue",
            Self::Consumer => "consumer",
        })
    }
}

/// The end of an event's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completion {
    /// Its effect and its mark are in the table.
    Processed,
    /// Its message is in a dead-letter queue.
    DeadLettered,
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Processed => "processed",
            Self::DeadLettered => "dead-lettered",
        })
    }
}

/// The way of one event through its cell. It may have hops before the response that gives the event its id.
#[derive(Debug, Clone, Default)]
pub struct Journey {
    started: Option<Instant>,
    reached: Vec<(Hop, Instant)>,
    ended: Option<(Completion, Instant)>,
}

impl Journey {
    pub(super) fn start(&mut self, at: Instant) {
        // A repeat of a request does not start its event anew.
        self.started.get_or_insert(at);
    }

    /// Notes a hop, and returns whether it is new.
    pub(super) fn reach(&mut self, hop: Hop, at: Instant) -> bool {
        let new = !self.has_reached(hop);
        if new {
            self.reached.push((hop, at));
        }
        new
    }

    pub(super) fn end(&mut self, completion: Completion, at: Instant) -> bool {
        let new = self.ended.is_none();
        self.ended.get_or_insert((completion, at));
        new
    }

    /// Returns whether the event has reached a hop.
    #[must_use]
    pub fn has_reached(&self, hop: Hop) -> bool {
        self.reached.iter().any(|(reached, _)| *reached == hop)
    }

    /// Returns how the event ended, if it has.
    #[must_use]
    pub fn completion(&self) -> Option<Completion> {
        self.ended.map(|(completion, _)| completion)
    }

    /// Returns the time from the request to the end, or to the last hop so far.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        let last = self.ended.map(|(_, at)| at).or_else(|| self.reached.last().map(|(_, at)| *at))?;
        Some(last.saturating_duration_since(self.started?))
    }
}

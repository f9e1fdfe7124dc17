//! Groups and deduplication of FIFO queues.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rand::Rng;
use rand::rngs::StdRng;

use super::message::Sent;
use super::queue::CHOICE;

/// The time within which a message with a deduplication id seen before is accepted and not delivered again.
const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

/// The groups of a FIFO queue: strict order, and no message of a group is handed out while one of them is in flight.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// Groups whose first message can be received, oldest first message first.
    open: BTreeSet<(u64, Arc<str>)>,
}

#[derive(Debug, Default)]
struct Group {
    slots: BTreeSet<u64>,
    blocked: BTreeSet<u64>,
    /// The first slot under which it is listed as open.
    listed: Option<u64>,
}

impl Groups {
    pub(super) fn add(&mut self, group: &Arc<str>, slot: u64) {
        self.groups.entry(group.clone()).or_default().slots.insert(slot);
        self.relist(group);
    }

    pub(super) fn remove(&mut self, group: &Arc<str>, slot: u64) {
        if let Some(g) = self.groups.get_mut(group) {
            g.slots.remove(&slot);
            g.blocked.remove(&slot);
        }
        self.relist(group);
        if self.groups.get(group).is_some_and(|g| g.slots.is_empty()) {
            self.groups.remove(group);
        }
    }

    /// Holds back the group of a message that is in flight or delayed.
    pub(super) fn block(&mut self, group: &Arc<str>, slot: u64) {
        if let Some(g) = self.groups.get_mut(group) {
            g.blocked.insert(slot);
        }
        self.relist(group);
    }

    pub(super) fn unblock(&mut self, group: &Arc<str>, slot: u64) {
        if let Some(g) = self.groups.get_mut(group) {
            g.blocked.remove(&slot);
        }
        self.relist(group);
    }

    /// Returns the messages to receive next: as many of one group as possible, in order. Draws the group if there is an
    /// `order`.
    pub(super) fn next(&self, max: usize, order: Option<&mut StdRng>) -> Vec<u64> {
        let open = self.open.len().min(CHOICE);
        let chosen = order.filter(|_| open > 1).map_or(0, |rng| rng.random_range(0..open));
        self.open
            .iter()
            .nth(chosen)
            .and_then(|(_, group)| self.groups.get(group))
            .map(|g| g.slots.iter().copied().take(max).collect())
            .unwrap_or_default()
    }

    pub(super) fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn relist(&mut self, name: &Arc<str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let first = if group.blocked.is_empty() { group.slots.first().copied() } else { None };
        if group.listed != first {
            if let Some(old) = group.listed {
                self.open.remove(&(old, name.clone()));
            }
            if let Some(new) = first {
                self.open.insert((new, name.clone()));
            }
            group.listed = first;
        }
    }
}

/// The deduplication ids of the last five minutes.
#[derive(Debug, Default)]
pub(super) struct Deduplication {
    seen: HashMap<String, Sent>,
    by_age: VecDeque<(u64, String)>,
}

impl Deduplication {
    pub(super) fn look_up(&mut self, key: &str, now: u64) -> Option<Sent> {
        while self.by_age.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, old)) = self.by_age.pop_front() {
                self.seen.remove(&old);
            }
        }
        self.seen.get(key).cloned()
    }

    pub(super) fn remember(&mut self, key: String, sent: Sent, now: u64) {
        self.by_age.push_back((now + DEDUPLICATION_MS, key.clone()));
        self.seen.insert(key, sent);
    }
}

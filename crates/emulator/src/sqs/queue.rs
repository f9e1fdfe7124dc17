//! One queue: messages that are ready, delayed or in flight, and their expiry.
//!
//! A standard queue may hand out any of its visible messages first, a FIFO queue those of any group:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html>

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::attributes::QueueAttributes;
use super::fifo::{Deduplication, Groups};
use super::message::{
    Message, Position, Received, Send, Sent, md5_hex, md5_of_attributes, receipt_handle, sequence_number, size,
};
use crate::error::ApiError;

/// The longest time that a message may stay in flight after it was received.
const MAX_VISIBILITY_MS: u64 = 12 * 60 * 60 * 1000;
/// The most messages in flight at once.
const MAX_IN_FLIGHT: usize = 120_000;
/// The visible messages that a shuffled queue chooses from, the oldest of all: a receive costs no more in a long
/// backlog, and no message waits for ever.
pub(super) const CHOICE: usize = 256;

pub(super) struct Queue {
    pub(super) name: Arc<str>,
    pub(super) arn: Arc<str>,
    pub(super) attributes: QueueAttributes,
    pub(super) tags: HashMap<String, String>,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) purged_ms: Option<u64>,
    /// Wakes one receiver per batch of news.
    pub(super) news: Arc<Notify>,
    messages: HashMap<u64, Message>,
    receipts: HashMap<u64, u64>,
    next_slot: u64,
    next_receipt: u64,
    ready: BTreeSet<u64>,
    waiting: BTreeSet<(u64, u64)>,
    by_age: BTreeSet<(u64, u64)>,
    in_flight: usize,
    bytes: usize,
    groups: Groups,
    deduplication: Deduplication,
    /// The random order of a shuffled queue.
    order: Option<StdRng>,
    /// Slots whose messages differ from those on disk; `None` unless the stack is kept there.
    changed: Option<BTreeSet<u64>>,
}

/// The number of messages in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) ready: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

impl Queue {
    pub(super) fn new(name: &str, arn: String, attributes: QueueAttributes, order: Option<StdRng>, now: u64) -> Self {
        Self {
            name: name.into(),
            arn: arn.into(),
            attributes,
            tags: HashMap::new(),
            created_ms: now,
            modified_ms: now,
            purged_ms: None,
            news: Arc::new(Notify::new()),
            messages: HashMap::new(),
            receipts: HashMap::new(),
            next_slot: 1,
            next_receipt: 1,
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            by_age: BTreeSet::new(),
            in_flight: 0,
            bytes: 0,
            groups: Groups::default(),
            deduplication: Deduplication::default(),
            order,
            changed: None,
        }
    }

    /// Restores the messages from when the stack ended, and records changes from now on. Messages that were in flight
    /// are visible.
    pub(super) fn restore(&mut self, messages: Vec<(u64, Message)>, now: u64) {
        for (slot, mut message) in messages {
            let delayed_until = match message.state {
                Position::Delayed(until) => Some(until),
                Position::Ready | Position::InFlight { .. } => None,
            };
            message.state = Position::Ready;
            self.next_slot = slot;
            self.place(message, delayed_until.filter(|until| *until > now));
        }
        // Grows with time: an old receipt deletes no message of today.
        self.next_slot = self.next_slot.max(now * 1000);
        self.changed = Some(BTreeSet::new());
    }

    /// Returns the slots that differ from those on disk, each with its message if there is one.
    pub(super) fn changes(&self) -> Vec<(u64, Option<&Message>)> {
        self.changed.iter().flatten().map(|slot| (*slot, self.messages.get(slot))).collect()
    }

    /// Records that the disk has all changes.
    pub(super) fn forget_changes(&mut self) {
        if let Some(changed) = &mut self.changed {
            changed.clear();
        }
    }

    /// Takes back messages that were placed at this slot or later. All deduplication ids go, not theirs alone: a sender
    /// tries again, and twice is better than never.
    pub(super) fn take_back(&mut self, from: u64) {
        self.deduplication = Deduplication::default();
        for slot in from..self.next_slot {
            self.remove(slot);
        }
    }

    /// Returns the slot of the next message.
    pub(super) fn next_slot(&self) -> u64 {
        self.next_slot
    }

    fn note(&mut self, slot: u64) {
        if let Some(changed) = &mut self.changed {
            changed.insert(slot);
        }
    }

    /// Takes a checked message. The flag is true if it is new (not a duplicate in a FIFO queue).
    pub(super) fn send(&mut self, send: Send, id: impl FnOnce() -> String, now: u64) -> (Sent, bool) {
        let md5_of_body = md5_hex(send.body.as_bytes());
        let md5_of_attributes = md5_of_attributes(&send.attributes);
        let mut deduplication = None;
        let mut key = None;
        if self.attributes.fifo {
            let dedup = send.deduplication.clone().unwrap_or_else(|| {
                let digest = Sha256::digest(send.body.as_bytes());
                digest.iter().map(|b| format!("{b:02x}")).collect()
            });
            let scope =
                if self.attributes.deduplicate_by_group { send.group.as_deref().unwrap_or_default() } else { "" };
            let full = format!("{scope}\n{dedup}");
            if let Some(sent) = self.deduplication.look_up(&full, now) {
                return (sent, false);
            }
            deduplication = Some(Arc::from(dedup));
            key = Some(full);
        }
        let slot = self.next_slot;
        let sequence = self.attributes.fifo.then_some(slot);
        let message = Message {
            id: id().into(),
            body: send.body,
            md5_of_body: md5_of_body.as_str().into(),
            attributes: Arc::new(send.attributes),
            md5_of_attributes: md5_of_attributes.as_deref().map(Into::into),
            trace_header: send.trace_header.map(Into::into),
            group: send.group.map(Into::into),
            deduplication,
            sequence,
            sent_ms: now,
            first_received_ms: None,
            receive_count: 0,
            dead_letter_source: None,
            state: Position::Ready,
        };
        let sent = Sent {
            message_id: message.id.clone(),
            md5_of_body,
            md5_of_attributes,
            sequence_number: sequence.map(sequence_number),
        };
        let delay = send.delay_seconds.map_or(self.attributes.delay_seconds, u64::from);
        self.place(message, (delay > 0).then(|| now + delay * 1000));
        if let Some(key) = key {
            self.deduplication.remember(key, sent.clone(), now);
        }
        (sent, true)
    }

    /// Puts a message at the end of the queue.
    pub(super) fn place(&mut self, mut message: Message, delayed_until: Option<u64>) {
        let slot = self.next_slot;
        self.next_slot += 1;
        self.note(slot);
        self.bytes += message_bytes(&message);
        self.by_age.insert((message.sent_ms, slot));
        if self.attributes.fifo {
            message.sequence = Some(slot);
            let group = message.group.clone().unwrap_or_else(|| "".into());
            self.groups.add(&group, slot);
            message.group = Some(group);
        }
        self.messages.insert(slot, message);
        match delayed_until {
            Some(until) => self.wait(slot, Position::Delayed(until), until),
            None => self.make_ready(slot),
        }
    }

    /// Hands out up to `max` messages. Those that have been received too often are removed and returned separately, for
    /// the dead-letter queue.
    pub(super) fn receive(
        &mut self,
        max: usize,
        visibility_ms: Option<u64>,
        dead_letter: bool,
        now: u64,
    ) -> Result<(Vec<Received>, Vec<Message>), ApiError> {
        self.tick(now);
        if self.in_flight >= MAX_IN_FLIGHT {
            return Err(ApiError::new(403, "OverLimit", "Too many messages in flight."));
        }
        let visibility = visibility_ms.unwrap_or(self.attributes.visibility_timeout * 1000);
        let limit = self.attributes.redrive.as_ref().filter(|_| dead_letter).map_or(u32::MAX, |r| r.max_receive_count);
        let (mut out, mut dead) = (Vec::new(), Vec::new());
        while out.len() < max {
            let slots = self.next_ready(max - out.len());
            if slots.is_empty() {
                break;
            }
            for slot in slots {
                if self.messages.get(&slot).is_some_and(|m| m.receive_count >= limit) {
                    dead.extend(self.remove(slot));
                    continue;
                }
                let receipt = self.next_receipt;
                self.next_receipt += 1;
                self.receipts.insert(slot, receipt);
                self.note(slot);
                let until = now + visibility;
                self.wait(slot, Position::InFlight { until, first_receipt_at: now }, until);
                let Some(message) = self.messages.get_mut(&slot) else { continue };
                message.receive_count += 1;
                message.first_received_ms.get_or_insert(now);
                out.push(Received {
                    message: message.clone(),
                    slot,
                    receipt,
                    receipt_handle: receipt_handle(slot, receipt, &self.name),
                });
            }
        }
        Ok((out, dead))
    }

    /// Deletes a message received under this receipt. Deleting a message that is gone is not an error.
    ///
    /// An older receipt of a message received again deletes nothing: SQS promises only that the newest one works.
    pub(super) fn delete(&mut self, slot: u64, receipt: u64) -> Result<Option<Message>, ApiError> {
        if !self.messages.contains_key(&slot) {
            return Ok(None);
        }
        if self.receipts.get(&slot) != Some(&receipt) {
            return if self.attributes.fifo { Err(expired_receipt()) } else { Ok(None) };
        }
        let in_flight = self.messages.get(&slot).is_some_and(|m| matches!(m.state, Position::InFlight { .. }));
        if self.attributes.fifo && !in_flight {
            return Err(expired_receipt());
        }
        Ok(self.remove(slot))
    }

    pub(super) fn change_visibility(
        &mut self,
        slot: u64,
        receipt: u64,
        timeout_ms: u64,
        now: u64,
    ) -> Result<(), ApiError> {
        self.tick(now);
        let current = self.receipts.get(&slot) == Some(&receipt);
        let state = self.messages.get(&slot).map(|m| m.state);
        let Some(Position::InFlight { first_receipt_at, .. }) = state.filter(|_| current) else {
            return Err(ApiError::sender("MessageNotInflight", "The specified message isn't in flight."));
        };
        let until = now + timeout_ms;
        if until > first_receipt_at + MAX_VISIBILITY_MS {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                "Value for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
            ));
        }
        if timeout_ms == 0 {
            self.make_ready(slot);
        } else {
            self.wait(slot, Position::InFlight { until, first_receipt_at }, until);
        }
        Ok(())
    }

    /// Advances time: delays and visibility timeouts end, messages past retention are dropped.
    pub(super) fn tick(&mut self, now: u64) {
        let retention = self.attributes.retention_seconds * 1000;
        while let Some(&(sent, slot)) = self.by_age.first()
            && sent + retention <= now
        {
            self.remove(slot);
        }
        while let Some(&(at, slot)) = self.waiting.first()
            && at <= now
        {
            self.make_ready(slot);
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        if self.attributes.fifo { self.groups.any_open() } else { !self.ready.is_empty() }
    }

    /// Returns the time at which the next message can become ready by itself.
    pub(super) fn next_change(&self) -> Option<u64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            ready: self.messages.len() - self.waiting.len(),
            in_flight: self.in_flight,
            delayed: self.waiting.len() - self.in_flight,
        }
    }

    pub(super) fn purge(&mut self) {
        if let Some(changed) = &mut self.changed {
            changed.extend(self.messages.keys());
        }
        self.messages.clear();
        self.receipts.clear();
        self.ready.clear();
        self.waiting.clear();
        self.by_age.clear();
        self.groups.clear();
        self.in_flight = 0;
        self.bytes = 0;
    }

    /// Returns the approximate size of its messages in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns when the oldest message was sent.
    pub(super) fn oldest_sent_ms(&self) -> Option<u64> {
        self.messages.values().map(|message| message.sent_ms).min()
    }

    /// Returns all messages, oldest first, untouched.
    pub(super) fn peek(&self) -> Vec<(Message, bool)> {
        let mut all: Vec<_> = self.messages.iter().collect();
        all.sort_unstable_by_key(|(slot, _)| **slot);
        all.into_iter().map(|(_, m)| (m.clone(), matches!(m.state, Position::InFlight { .. }))).collect()
    }

    /// Takes the oldest message that is not in flight, for a move task.
    pub(super) fn take_oldest(&mut self, now: u64) -> Option<Message> {
        self.tick(now);
        let slot = *self.next_ready(1).first()?;
        self.remove(slot)
    }

    fn next_ready(&mut self, max: usize) -> Vec<u64> {
        if self.attributes.fifo {
            return self.groups.next(max, self.order.as_mut());
        }
        let Some(order) = &mut self.order else {
            return self.ready.iter().copied().take(max).collect();
        };
        let mut choice: Vec<u64> = self.ready.iter().copied().take(CHOICE).collect();
        choice.partial_shuffle(order, max).0.to_vec()
    }

    fn make_ready(&mut self, slot: u64) {
        self.leave_waiting(slot);
        if let Some(message) = self.messages.get_mut(&slot) {
            message.state = Position::Ready;
            match message.group.clone().filter(|_| self.attributes.fifo) {
                Some(group) => self.groups.unblock(&group, slot),
                None => {
                    self.ready.insert(slot);
                }
            }
        }
    }

    fn wait(&mut self, slot: u64, state: Position, until: u64) {
        self.leave_waiting(slot);
        self.ready.remove(&slot);
        if let Some(message) = self.messages.get_mut(&slot) {
            message.state = state;
            self.waiting.insert((until, slot));
            self.in_flight += usize::from(matches!(state, Position::InFlight { .. }));
            if let Some(group) = message.group.clone().filter(|_| self.attributes.fifo) {
                self.groups.block(&group, slot);
            }
        }
    }

    fn leave_waiting(&mut self, slot: u64) {
        let Some(message) = self.messages.get(&slot) else { return };
        match message.state {
            Position::Ready => {}
            Position::Delayed(until) => {
                self.waiting.remove(&(until, slot));
            }
            Position::InFlight { until, .. } => {
                self.waiting.remove(&(until, slot));
                self.in_flight -= 1;
            }
        }
    }

    fn remove(&mut self, slot: u64) -> Option<Message> {
        self.leave_waiting(slot);
        let message = self.messages.remove(&slot)?;
        self.bytes = self.bytes.saturating_sub(message_bytes(&message));
        self.note(slot);
        self.receipts.remove(&slot);
        self.ready.remove(&slot);
        self.by_age.remove(&(message.sent_ms, slot));
        if let Some(group) = message.group.as_ref().filter(|_| self.attributes.fifo) {
            self.groups.remove(group, slot);
        }
        Some(message)
    }
}

/// Returns the approximate bytes of a message: its text, its attributes, and its places in the queue.
fn message_bytes(message: &Message) -> usize {
    size(&message.body, &message.attributes) + 600
}

fn expired_receipt() -> ApiError {
    ApiError::sender(
        "InvalidParameterValue",
        "Value for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    )
}

//! All queues behind one lock, so that a message is in exactly one queue at every moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::attributes::QueueAttributes;
use super::message::{Message, Received, Send, Sent};
use super::queue::Queue;
use super::redrive::MoveTask;
use crate::context::Context;
use crate::error::ApiError;
use crate::observe::Observation;
use crate::store::Store;
use crate::sync::lock;

/// The time after a queue's deletion in which its name cannot be used again.
const NAME_BLOCKED_MS: u64 = 60_000;

/// The SQS service.
pub(crate) struct Sqs {
    pub(super) context: Arc<Context>,
    pub(super) state: Mutex<Registry>,
    pub(super) store: Option<Arc<Store>>,
}

#[derive(Default)]
pub(super) struct Registry {
    pub(super) queues: HashMap<String, Queue>,
    pub(super) deleted: HashMap<String, u64>,
    pub(super) tasks: Vec<MoveTask>,
}

/// A message in a queue, seen without receiving it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peeked {
    /// SQS message id.
    pub message_id: Arc<str>,
    /// Body.
    pub body: Arc<str>,
    /// The number of receives.
    pub receive_count: u32,
    /// True if a receiver holds it now.
    pub in_flight: bool,
}

impl Sqs {
    /// Returns the URL of a queue behind an endpoint. Some SDKs send requests about a queue to the host of its URL, so
    /// it must be the host that was asked for it.
    pub(super) fn url(&self, endpoint: &str, name: &str) -> String {
        format!("{endpoint}/{}/{name}", self.context.account)
    }

    /// Creates a queue, or finds an existing one with the same attributes.
    pub(super) fn create(
        &self,
        name: &str,
        attributes: &HashMap<String, String>,
        tags: HashMap<String, String>,
    ) -> Result<(), ApiError> {
        let base = name.strip_suffix(".fifo").unwrap_or(name);
        let well_formed =
            !base.is_empty() && name.len() <= 80 && base.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !well_formed {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        let now = self.context.clock.ms();
        let mut state = lock(&self.state);
        if let Some(existing) = state.queues.get(name) {
            let have = existing.attributes.list();
            let same = attributes.iter().all(|(k, v)| have.get(k) == Some(v));
            return if same {
                Ok(())
            } else {
                Err(ApiError::sender(
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value for attribute(s)",
                ))
            };
        }
        if state.deleted.get(name).is_some_and(|at| at + NAME_BLOCKED_MS > now) {
            return Err(ApiError::sender(
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ));
        }
        let mut set = QueueAttributes::default();
        for (key, value) in attributes {
            set.set(key, value)?;
        }
        if set.fifo != name.ends_with(".fifo") {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
            ));
        }
        let mut queue = self.queue(name, set, now);
        queue.tags = tags;
        if self.store.is_some() {
            queue.restore(Vec::new(), now);
        }
        state.deleted.remove(name);
        state.queues.insert(name.to_string(), queue);
        Ok(())
    }

    /// Returns a new queue, without messages.
    pub(super) fn queue(&self, name: &str, attributes: QueueAttributes, now: u64) -> Queue {
        let order = self.context.disorder.queue_order();
        Queue::new(name, self.context.arn("sqs", name), attributes, order, now)
    }

    pub(super) fn delete_queue(&self, name: &str) -> Result<(), ApiError> {
        let mut state = lock(&self.state);
        let queue = state.queues.remove(name).ok_or_else(no_queue)?;
        state.deleted.insert(name.into(), self.context.clock.ms());
        // Waiting receivers learn that it is gone.
        queue.news.notify_waiters();
        Ok(())
    }

    /// Advances a queue's time, then runs `f` on it.
    pub(super) fn with<T>(
        &self,
        name: &str,
        f: impl FnOnce(&mut Queue, u64) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let now = self.context.clock.ms();
        let mut state = lock(&self.state);
        let queue = state.queues.get_mut(name).ok_or_else(no_queue)?;
        queue.tick(now);
        let result = f(queue, now);
        self.keep_later(queue);
        result
    }

    /// Sends messages in one step; each is taken or refused by itself.
    pub(crate) fn send(&self, name: &str, messages: Vec<Send>) -> Result<Vec<Result<Sent, ApiError>>, ApiError> {
        let mut told = Vec::new();
        let results = self.with(name, |queue, now| {
            let first = queue.next_slot();
            let results = messages
                .into_iter()
                .map(|send| {
                    queue.check(&send)?;
                    let body = send.body.clone();
                    let (sent, new) = queue.send(send, || self.context.uuid(), now);
                    if new {
                        told.push((queue.name.clone(), sent.message_id.clone(), body));
                    }
                    Ok(sent)
                })
                .collect();
            if let Err(error) = self.keep(queue) {
                queue.take_back(first);
                told.clear();
                return Err(error);
            }
            queue.news.notify_one();
            Ok(results)
        })?;
        for (queue, message_id, body) in told {
            self.context.observers.tell(|| Observation::Enqueued { queue, message_id, body });
        }
        Ok(results)
    }

    /// Receives visible messages, or waits for one until `deadline` (milliseconds since the epoch).
    pub(crate) async fn receive(
        &self,
        name: &str,
        max: usize,
        visibility_ms: Option<u64>,
        deadline: Option<u64>,
    ) -> Result<Vec<Received>, ApiError> {
        loop {
            let news = self.news(name)?;
            let notified = news.notified();
            let mut notified = std::pin::pin!(notified);
            // Registered before looking, so that nothing sent in between is missed.
            notified.as_mut().enable();
            let (received, next_change) = self.try_receive(name, max, visibility_ms)?;
            let now = self.context.clock.ms();
            let Some(deadline) = deadline.filter(|d| *d > now) else {
                return Ok(received);
            };
            if !received.is_empty() {
                return Ok(received);
            }
            let wake_at = next_change.map_or(deadline, |at| at.min(deadline));
            tokio::select! {
                // In this order, not in a random one: the same seed must run the same way.
                biased;
                () = notified => {}
                () = self.context.clock.sleep_until(wake_at) => {}
            }
        }
    }

    fn news(&self, name: &str) -> Result<Arc<Notify>, ApiError> {
        let state = lock(&self.state);
        Ok(state.queues.get(name).ok_or_else(no_queue)?.news.clone())
    }

    fn try_receive(
        &self,
        name: &str,
        max: usize,
        visibility_ms: Option<u64>,
    ) -> Result<(Vec<Received>, Option<u64>), ApiError> {
        let now = self.context.clock.ms();
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let queue = state.queues.get(name).ok_or_else(no_queue)?;
        let target = queue
            .attributes
            .redrive
            .as_ref()
            .and_then(|r| name_of_arn(&r.target_arn))
            .filter(|target| state.queues.contains_key(*target))
            .map(str::to_string);
        let queue = state.queues.get_mut(name).ok_or_else(no_queue)?;
        let (received, dead) = queue.receive(max, visibility_ms, target.is_some(), now)?;
        if queue.has_ready() {
            // The rest is for another receiver.
            queue.news.notify_one();
        }
        let next_change = queue.next_change();
        let (source_name, source_arn) = (queue.name.clone(), queue.arn.clone());
        let mut moved = Vec::new();
        if let Some(target) = target.and_then(|t| state.queues.get_mut(&t)) {
            for mut message in dead {
                message.dead_letter_source = Some(source_arn.clone());
                if target.attributes.fifo {
                    // Standard queues keep the time of the first send, FIFO queues start anew.
                    message.sent_ms = now;
                }
                moved.push((target.name.clone(), message.clone()));
                target.place(message, None);
            }
            if !moved.is_empty() {
                target.news.notify_one();
                // The target is written first: in between, the disk has a message twice, never not at all.
                self.keep_later(target);
            }
        }
        if let Some(queue) = state.queues.get_mut(name) {
            self.keep_later(queue);
        }
        drop(guard);
        for (queue, message) in moved {
            self.context.observers.tell(|| Observation::DeadLettered {
                source: source_name.clone(),
                queue: Some(queue),
                message_id: message.id,
                body: message.body,
                receive_count: message.receive_count,
                reason: "received too often",
            });
        }
        for Received { message, .. } in &received {
            self.context.observers.tell(|| Observation::Received {
                queue: source_name.clone(),
                message_id: message.id.clone(),
                receive_count: message.receive_count,
            });
        }
        Ok((received, next_change))
    }

    /// Deletes received messages in one step.
    pub(crate) fn delete(&self, name: &str, receipts: &[(u64, u64)]) -> Result<Vec<Result<(), ApiError>>, ApiError> {
        let mut gone: Vec<(Arc<str>, Message)> = Vec::new();
        let results = self.with(name, |queue, _| {
            let delete = |(slot, receipt): &(u64, u64)| {
                let deleted = queue.delete(*slot, *receipt)?;
                gone.extend(deleted.map(|m| (queue.name.clone(), m)));
                Ok(())
            };
            let results = receipts.iter().map(delete).collect();
            if queue.attributes.fifo {
                // The next message of the group is free now.
                queue.news.notify_one();
            }
            Ok(results)
        })?;
        for (queue, message) in gone {
            self.context.observers.tell(|| Observation::Deleted { queue, message_id: message.id });
        }
        Ok(results)
    }

    /// Returns the approximate size of all messages in bytes.
    pub(crate) fn held_bytes(&self) -> u64 {
        lock(&self.state).queues.values().map(Queue::bytes).sum::<usize>() as u64
    }

    pub(crate) fn change_visibility(
        &self,
        name: &str,
        slot: u64,
        receipt: u64,
        timeout_ms: u64,
    ) -> Result<(), ApiError> {
        self.with(name, |queue, now| {
            queue.change_visibility(slot, receipt, timeout_ms, now)?;
            // Waiting receivers recompute when to look again.
            queue.news.notify_one();
            Ok(())
        })
    }

    /// Returns the age of a queue's oldest message in milliseconds; 0 if it has none.
    pub(crate) fn oldest_age_ms(&self, name: &str) -> Result<u64, ApiError> {
        self.with(name, |queue, now| Ok(queue.oldest_sent_ms().map_or(0, |sent| now.saturating_sub(sent))))
    }

    pub(crate) fn peek(&self, name: &str) -> Result<Vec<Peeked>, ApiError> {
        self.with(name, |queue, _| {
            Ok(queue
                .peek()
                .into_iter()
                .map(|(m, in_flight)| Peeked {
                    message_id: m.id,
                    body: m.body,
                    receive_count: m.receive_count,
                    in_flight,
                })
                .collect())
        })
    }

    /// Puts a message of the emulator's own (an undeliverable notification, an on-failure record) into a queue.
    pub(crate) fn dead_letter(
        &self,
        source: &Arc<str>,
        target_arn: Option<&str>,
        send: Send,
        tries: u32,
        reason: &'static str,
    ) {
        let body = send.body.clone();
        let target = target_arn.and_then(name_of_arn);
        let sent = target.and_then(|name| self.send(name, vec![send]).ok()?.pop()?.ok());
        self.context.observers.tell(|| Observation::DeadLettered {
            source: source.clone(),
            queue: sent.is_some().then(|| target.unwrap_or_default().into()),
            message_id: sent.map_or_else(|| "".into(), |s| s.message_id),
            body,
            receive_count: tries,
            reason,
        });
    }
}

/// Returns the name of a queue in its ARN.
pub(crate) fn name_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    (service == "sqs").then(|| parts.nth(2))?
}

pub(super) fn no_queue() -> ApiError {
    ApiError::sender("QueueDoesNotExist", "The specified queue does not exist.")
}

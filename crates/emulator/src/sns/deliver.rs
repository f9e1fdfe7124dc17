//! Delivery from a topic to a queue: the first try, retries, and the subscription's dead-letter queue.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::envelope::envelope;
use super::publish::Accepted;
use super::subscription::Subscription;
use super::topic::Sns;
use crate::error::ApiError;
use crate::faults::FaultKind;
use crate::resource::Resource;
use crate::sqs::{Attributes, Send, name_of_arn};
use crate::sync::lock;

/// The most attributes that a queue takes. Under raw delivery, a message with more is a client-side error.
///
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html>
const MAX_RAW_ATTRIBUTES: usize = 10;

/// The deliveries that wait behind one that is retried, by subscription and message group of a FIFO topic: no message
/// of a group overtakes another.
///
/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html>
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<LaneKey, VecDeque<Send>>>);

/// The ARN of the subscription, and the group.
type LaneKey = (Arc<str>, String);

/// A delivery that is not over after its first try.
struct Unfinished {
    sends: Vec<Send>,
    tries: u32,
    /// The faults injected into the next try, already drawn.
    injected: Option<(Duration, Option<FaultKind>)>,
}

impl Sns {
    /// Delivers to one subscriber. Returns at once; retries and injected latency continue in the background.
    ///
    /// An error says that an undelivered message would not outlive the process.
    pub(super) fn deliver(
        self: &Arc<Self>,
        subscription: &Arc<Subscription>,
        messages: &[Accepted],
    ) -> Result<(), ApiError> {
        let (sends, refused) = self.prepare(subscription, messages);
        self.dead_letter(subscription, refused, 1, "more than 10 attributes under raw delivery");
        if messages.iter().any(|message| message.published.sequence_number.is_none()) {
            let Some(mut unfinished) = self.begin(subscription, sends) else { return Ok(()) };
            let held = self.hold(subscription, &mut unfinished.sends);
            let (sns, subscription) = (self.clone(), subscription.clone());
            tokio::spawn(async move { sns.finish(&subscription, unfinished).await });
            return held;
        }
        let mut groups: Vec<(String, Vec<Send>)> = Vec::new();
        for send in sends {
            let group = send.group.clone().unwrap_or_default();
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, sends)) => sends.push(send),
                None => groups.push((group, vec![send])),
            }
        }
        let mut held = Ok(());
        for (group, sends) in groups {
            held = self.deliver_in_order(subscription, group, sends).and(held);
        }
        held
    }

    /// Returns the messages as the queue gets them, and those that no queue takes.
    fn prepare(&self, subscription: &Subscription, messages: &[Accepted]) -> (Vec<Send>, Vec<Send>) {
        let (mut sends, mut refused) = (Vec::with_capacity(messages.len()), Vec::new());
        let now = self.context.clock.ms();
        for message in messages {
            let publication = &message.publication;
            if !subscription.accepts(&publication.body, &publication.attributes) {
                continue;
            }
            let fits = publication.attributes.len() <= MAX_RAW_ATTRIBUTES;
            let raw = subscription.raw && fits;
            let send = Send {
                body: if raw {
                    publication.body.clone()
                } else {
                    envelope(message, subscription, &self.context.region, now).into()
                },
                attributes: if raw { publication.attributes.clone() } else { Attributes::new() },
                group: publication.group.clone(),
                // A FIFO topic may deliver to a standard queue, which knows no deduplication.
                deduplication: publication.deduplication.clone().filter(|_| subscription.endpoint.ends_with(".fifo")),
                ..Send::default()
            };
            if subscription.raw && !fits {
                refused.push(send);
            } else {
                sends.push(send);
            }
        }
        (sends, refused)
    }

    /// Resumes a delivery.
    pub(super) fn deliver_again(
        self: &Arc<Self>,
        subscription: &Arc<Subscription>,
        send: Send,
    ) -> Result<(), ApiError> {
        if subscription.endpoint.ends_with(".fifo") {
            let group = send.group.clone().unwrap_or_default();
            return self.deliver_in_order(subscription, group, vec![send]);
        }
        let (sns, subscription) = (self.clone(), subscription.clone());
        let unfinished = Unfinished { sends: vec![send], tries: 1, injected: None };
        tokio::spawn(async move { sns.finish(&subscription, unfinished).await });
        Ok(())
    }

    /// Delivers messages of one group, behind the undelivered ones of the group.
    fn deliver_in_order(
        self: &Arc<Self>,
        subscription: &Arc<Subscription>,
        group: String,
        mut sends: Vec<Send>,
    ) -> Result<(), ApiError> {
        let key = (subscription.arn.clone(), group);
        let mut lanes = lock(&self.lanes.0);
        if let Some(waiting) = lanes.get_mut(&key) {
            let held = self.hold(subscription, &mut sends);
            waiting.extend(sends);
            return held;
        }
        let Some(mut unfinished) = self.begin(subscription, sends) else { return Ok(()) };
        let held = self.hold(subscription, &mut unfinished.sends);
        lanes.insert(key.clone(), VecDeque::new());
        drop(lanes);
        let (sns, subscription) = (self.clone(), subscription.clone());
        tokio::spawn(async move {
            loop {
                sns.finish(&subscription, unfinished).await;
                unfinished = match sns.begin_next(&subscription, &key) {
                    Some(next) => next,
                    None => return,
                };
            }
        });
        held
    }

    /// Begins to deliver what waits in a lane; the lane is gone when nothing is left.
    fn begin_next(&self, subscription: &Subscription, key: &LaneKey) -> Option<Unfinished> {
        let mut lanes = lock(&self.lanes.0);
        let waiting: Vec<Send> = lanes.get_mut(key).map(std::mem::take).unwrap_or_default().into();
        let unfinished = self.begin(subscription, waiting);
        if unfinished.is_none() {
            lanes.remove(key);
        }
        unfinished
    }

    /// Makes the first try. Returns what is left after it, if anything.
    fn begin(&self, subscription: &Subscription, sends: Vec<Send>) -> Option<Unfinished> {
        if sends.is_empty() {
            return None;
        }
        let (latency, fault) = self.draw(subscription, sends.len());
        let unfinished = if latency.is_zero() {
            let sends = self.attempt(subscription, sends, fault.as_ref(), 1);
            Unfinished { sends, tries: 1, injected: None }
        } else {
            Unfinished { sends, tries: 0, injected: Some((latency, fault)) }
        };
        (!unfinished.sends.is_empty()).then_some(unfinished)
    }

    /// Tries until every message is delivered or dead-lettered.
    async fn finish(&self, subscription: &Subscription, unfinished: Unfinished) {
        let Unfinished { mut sends, mut tries, mut injected } = unfinished;
        while !sends.is_empty() {
            let (latency, fault) = match injected.take() {
                Some(drawn) => drawn,
                None => {
                    let Some(pause) = pause_before_retry(tries) else {
                        return self.dead_letter(subscription, sends, tries, "retries exhausted");
                    };
                    tokio::time::sleep(pause).await;
                    self.draw(subscription, sends.len())
                }
            };
            tokio::time::sleep(latency).await;
            tries += 1;
            sends = self.attempt(subscription, sends, fault.as_ref(), tries);
        }
    }

    /// Draws the faults of the next try.
    fn draw(&self, subscription: &Subscription, entries: usize) -> (Duration, Option<FaultKind>) {
        let mentions = |r: &Resource| r.is_in(&subscription.endpoint) || r.is_in(&subscription.arn);
        self.context.faults.decide("SQS", "SendMessage", || entries, mentions)
    }

    /// Makes one try. A message that the queue refuses is dead-lettered: no later try can deliver it. Returns the
    /// messages to retry, in their order.
    fn attempt(
        &self,
        subscription: &Subscription,
        sends: Vec<Send>,
        fault: Option<&FaultKind>,
        tries: u32,
    ) -> Vec<Send> {
        let (now, later) = match fault {
            None => (sends, Vec::new()),
            Some(FaultKind::HangAfterCommit | FaultKind::ResetAfterCommit) => {
                // The topic cannot know that the queue has them, and delivers again.
                let _ = self.send(subscription, &sends);
                return sends;
            }
            Some(FaultKind::EntriesFail(entries)) => {
                let ordered = subscription.endpoint.ends_with(".fifo");
                let (mut now, mut later) = (Vec::new(), Vec::new());
                for (index, send) in sends.into_iter().enumerate() {
                    // Within a group, a message after a failed one is not sent before it.
                    let waits = entries.contains(index) || (ordered && !later.is_empty());
                    if waits { &mut later } else { &mut now }.push(send);
                }
                (now, later)
            }
            Some(FaultKind::Error { status, .. }) if *status < 500 => {
                self.dead_letter(subscription, sends, tries, "refused by the queue");
                return Vec::new();
            }
            Some(_) => return sends,
        };
        let refused = match self.send(subscription, &now) {
            Ok(refused) => refused,
            // The queue may take them later: its disk is full, for example.
            Err(error) => {
                tracing::warn!(error = error.message, "not delivered");
                return now.into_iter().chain(later).collect();
            }
        };
        self.release(now.iter().filter(|send| refused.iter().all(|refused| refused.kept != send.kept)));
        self.dead_letter(subscription, refused, tries, "refused by the queue");
        later
    }

    /// Sends to the queue. Returns the messages that it refused; all of them if there is no such queue. An error is one
    /// of the queue's own.
    fn send(&self, subscription: &Subscription, sends: &[Send]) -> Result<Vec<Send>, ApiError> {
        let queue = name_of_arn(&subscription.endpoint).unwrap_or_default();
        let results = match self.sqs.send(queue, sends.to_vec()) {
            Ok(results) => results,
            Err(error) if error.is_sender_fault() => return Ok(sends.to_vec()),
            Err(error) => return Err(error),
        };
        let refused = sends.iter().zip(results).filter(|(_, result)| result.is_err());
        Ok(refused.map(|(send, _)| send.clone()).collect())
    }

    fn dead_letter(&self, subscription: &Subscription, sends: Vec<Send>, tries: u32, reason: &'static str) {
        for send in sends {
            let (target, kept) = (subscription.dead_letter_arn.as_deref(), Send { kept: send.kept, ..Send::default() });
            self.sqs.dead_letter(&subscription.arn, target, send, tries, reason);
            self.release([kept].iter());
        }
    }
}

/// Returns the pause before a retry under the delivery policy of AWS-managed endpoints: 3 retries at once, 2 after 1 s
/// each, 10 with backoff from 1 s to 20 s, 100,000 at 20 s (23 days).
///
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>
fn pause_before_retry(tries: u32) -> Option<Duration> {
    match tries {
        ..=3 => Some(Duration::ZERO),
        4..=5 => Some(Duration::from_secs(1)),
        6..=15 => Some(Duration::from_secs_f64((1.0 * 1.4f64.powi(tries as i32 - 6)).min(20.0))),
        16..=100_015 => Some(Duration::from_secs(20)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_take_23_days() {
        let total: Duration = (1..).map_while(pause_before_retry).sum();
        assert_eq!(total.as_secs() / 86_400, 23);
        assert_eq!((1..).map_while(pause_before_retry).count(), 100_015);
    }
}

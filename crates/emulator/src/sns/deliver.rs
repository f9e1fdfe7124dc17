//! From a topic to a queue: now, again, or to the subscription's dead-letter queue.

use std::sync::Arc;
use std::time::Duration;

use super::envelope::envelope;
use super::publish::Accepted;
use super::subscription::Subscription;
use super::topic::Sns;
use crate::error::ApiError;
use crate::faults::FaultKind;
use crate::sqs::{Attributes, Send, name_of_arn};

/// A message with more attributes than a queue takes is a client-side error under raw delivery.
///
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html>
const MAX_RAW_ATTRIBUTES: usize = 10;

/// How a try went.
enum Outcome {
    Delivered,
    /// The queue's fault: tried again.
    Later,
    /// Nobody will ever be able to deliver it: these go to the dead-letter queue.
    Never(Vec<Send>),
}

impl Sns {
    /// Delivers to one subscriber. Returns at once; retries and injected latency go on in the background.
    pub(super) fn deliver(self: &Arc<Self>, subscription: &Arc<Subscription>, messages: &[Accepted]) {
        let mut sends = Vec::with_capacity(messages.len());
        let mut refused = Vec::new();
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
        self.give_up(subscription, refused, 1, "more than 10 attributes under raw delivery");
        if sends.is_empty() {
            return;
        }
        let mentions = |r: &str| subscription.endpoint.contains(r) || subscription.arn.contains(r);
        let (latency, fault) = self.context.faults.decide("SQS", "SendMessage", mentions);
        if latency.is_zero() {
            match self.attempt(subscription, &sends, fault.as_ref()) {
                Outcome::Delivered => return,
                Outcome::Never(refused) => {
                    return self.give_up(subscription, refused, 1, "refused by the queue");
                }
                Outcome::Later => {}
            }
        }
        let (sns, subscription) = (self.clone(), subscription.clone());
        tokio::spawn(async move { sns.keep_trying(&subscription, sends, latency, fault).await });
    }

    async fn keep_trying(
        &self,
        subscription: &Subscription,
        sends: Vec<Send>,
        latency: Duration,
        first_fault: Option<FaultKind>,
    ) {
        let mut tries = 1;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
            match self.attempt(subscription, &sends, first_fault.as_ref()) {
                Outcome::Delivered => return,
                Outcome::Never(refused) => {
                    return self.give_up(subscription, refused, tries, "refused by the queue");
                }
                Outcome::Later => {}
            }
        }
        while let Some(pause) = pause_before_retry(tries) {
            tokio::time::sleep(pause).await;
            tries += 1;
            let mentions = |r: &str| subscription.endpoint.contains(r) || subscription.arn.contains(r);
            let (latency, fault) = self.context.faults.decide("SQS", "SendMessage", mentions);
            tokio::time::sleep(latency).await;
            match self.attempt(subscription, &sends, fault.as_ref()) {
                Outcome::Delivered => return,
                Outcome::Never(refused) => {
                    return self.give_up(subscription, refused, tries, "refused by the queue");
                }
                Outcome::Later => {}
            }
        }
        self.give_up(subscription, sends, tries, "retries exhausted");
    }

    fn attempt(&self, subscription: &Subscription, sends: &[Send], fault: Option<&FaultKind>) -> Outcome {
        match fault {
            None => {}
            Some(FaultKind::HangAfterCommit | FaultKind::ResetAfterCommit) => {
                // The topic cannot know that the queue has them, and delivers again.
                let _ = self.send(subscription, sends);
                return Outcome::Later;
            }
            Some(FaultKind::Error { status, .. }) if *status < 500 => return Outcome::Never(sends.to_vec()),
            Some(_) => return Outcome::Later,
        }
        match self.send(subscription, sends) {
            Ok(refused) if refused.is_empty() => Outcome::Delivered,
            Ok(refused) => Outcome::Never(refused),
            Err(_) => Outcome::Never(sends.to_vec()),
        }
    }

    /// The messages the queue refused; an error if there is no such queue.
    fn send(&self, subscription: &Subscription, sends: &[Send]) -> Result<Vec<Send>, ApiError> {
        let queue = name_of_arn(&subscription.endpoint)
            .ok_or_else(|| ApiError::sender("InvalidParameter", "the endpoint is no queue"))?;
        let results = self.sqs.send(queue, sends.to_vec())?;
        let refused = sends.iter().zip(results).filter(|(_, result)| result.is_err());
        Ok(refused.map(|(send, _)| send.clone()).collect())
    }

    fn give_up(&self, subscription: &Subscription, sends: Vec<Send>, tries: u32, reason: &'static str) {
        for send in sends {
            let target = subscription.dead_letter_arn.as_deref();
            self.sqs.dead_letter(&subscription.arn, target, send, tries, reason);
        }
    }
}

/// Delivery policy of AWS-managed endpoints: 3 retries at once, 2 after 1 s each, 10 with backoff from 1 s to 20 s,
/// 100,000 at 20 s (23 days).
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

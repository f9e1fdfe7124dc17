//! A reader that receives a queue's letters from one end to the other, and gives back those that it did not delete.

use std::collections::{HashMap, HashSet, VecDeque};

use cellstack_aws::AwsFailure;

use super::{DeadLetterQueue, Found};
use crate::cells::queue::Size;

/// Error code of a receive while as many messages are in flight as the queue allows
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
const OVER_LIMIT: &str = "OverLimit";

/// The number of repeated letters after which all letters count as repeated: a queue may deliver a letter twice by
/// mistake.
const ENOUGH: usize = 100;

/// The reason why a reader has no more letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The queue returned no more letters.
    Empty,
    /// The reader held as many letters as it may.
    Bound,
    /// Letters came back with no new one among them: all were received.
    Round,
    /// Somebody wants the run to end.
    Stopped,
}

/// A reader that delivers each letter of a queue once. Its letters are hidden from others until it deletes them or is
/// closed. Letters come back after [`HOLD`](super::HOLD), though, and a queue of some thousand takes longer than that
/// to read: they are hidden again, and known by their message ids. A standard queue hides 120,000 messages at most.
pub(crate) struct Reader<'a> {
    queue: &'a DeadLetterQueue,
    before: Size,
    bound: usize,
    ready: VecDeque<Found>,
    seen: usize,
    /// Letters that came again since the last new one.
    repeats: usize,
    /// Letters in hand: message id to latest receipt.
    held: HashMap<String, String>,
    deleted: HashSet<String>,
    end: Option<End>,
}

impl<'a> Reader<'a> {
    /// Opens a reader of a queue that delivers at most `bound` letters.
    pub(crate) async fn open(queue: &'a DeadLetterQueue, bound: usize) -> Result<Self, AwsFailure> {
        Ok(Self {
            queue,
            before: queue.size().await?,
            bound,
            ready: VecDeque::new(),
            seen: 0,
            repeats: 0,
            held: HashMap::new(),
            deleted: HashSet::new(),
            end: None,
        })
    }

    /// Returns the next letter.
    pub(crate) async fn next(&mut self) -> Result<Option<Found>, AwsFailure> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                if self.seen == self.bound {
                    self.end = Some(End::Bound);
                    return Ok(None);
                }
                self.seen += 1;
                return Ok(Some(found));
            }
            if self.end.is_none() && self.queue.is_stopped() {
                self.end = Some(End::Stopped);
            }
            if self.end.is_some() {
                return Ok(None);
            }
            if self.seen == self.bound && self.before.visible > self.bound as u64 {
                self.end = Some(End::Bound);
                return Ok(None);
            }
            let batch = match self.queue.receive().await {
                // SQS has as many messages in flight as it allows: the same bound, from its side.
                Err(failure) if failure.code.as_deref() == Some(OVER_LIMIT) => {
                    self.end = Some(End::Bound);
                    return Ok(None);
                }
                batch => batch?,
            };
            if batch.is_empty() {
                self.end = Some(End::Empty);
                return Ok(None);
            }
            for found in batch {
                if self.deleted.contains(&found.message_id) {
                    // A queue may deliver a deleted message again, rarely:
                    // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.
                    self.queue.delete(&found.receipt).await?;
                } else if self.held.insert(found.message_id.clone(), found.receipt.clone()).is_none() {
                    self.repeats = 0;
                    self.ready.push_back(found);
                } else {
                    self.repeats += 1;
                }
            }
            // Letters come back as long as this continues, so the queue need never appear empty. Once as many came again
            // as are in hand, with no new one among them, all were received.
            if self.repeats >= self.held.len().max(ENOUGH) {
                self.end = Some(End::Round);
            }
        }
    }

    /// Deletes a letter that the reader delivered.
    pub(crate) async fn delete(&mut self, found: &Found) -> Result<(), AwsFailure> {
        let receipt = self.held.get(&found.message_id).unwrap_or(&found.receipt);
        self.queue.delete(receipt).await?;
        self.held.remove(&found.message_id);
        self.deleted.insert(found.message_id.clone());
        Ok(())
    }

    /// Keeps a letter that the reader delivered hidden for longer.
    pub(crate) async fn hold(&self, found: &Found, time: std::time::Duration) -> Result<(), AwsFailure> {
        let receipt = self.held.get(&found.message_id).unwrap_or(&found.receipt);
        self.queue.hold(receipt, time).await
    }

    /// Returns the number of delivered letters.
    pub(crate) const fn seen(&self) -> usize {
        self.seen
    }

    /// Returns SQS's count of messages before the first letter.
    pub(crate) const fn before(&self) -> Size {
        self.before
    }

    /// Returns why there may be letters that were not delivered, or `None` if the reader saw all.
    pub(crate) fn unseen(&self) -> Option<String> {
        let about = self.before;
        self.unread().or_else(|| {
            (self.queue.is_fifo() && (self.seen as u64) < about.visible).then(|| {
                format!(
                    "saw {} of about {}: a FIFO queue shows ten letters of a tenant at most, and none behind one that stays",
                    self.seen, about.visible
                )
            })
        })
    }

    /// Returns why there may be letters that were not received, like [`Reader::unseen`], but for those behind a letter of
    /// their tenant that stays.
    pub(crate) fn unread(&self) -> Option<String> {
        let about = self.before;
        if !matches!(self.end, Some(End::Empty | End::Round)) {
            Some(format!("stopped after {} of about {}", self.seen, about.total()))
        } else if about.hidden > 0 {
            Some(format!("{} in other hands just now (another reader, or a run that was killed)", about.hidden))
        } else {
            None
        }
    }

    /// Gives back all letters in hand.
    pub(crate) async fn close(self) {
        let receipts: Vec<String> = self.held.into_values().collect();
        self.queue.give_back(&receipts).await;
    }
}

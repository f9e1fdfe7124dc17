//! One invocation: its time, and the messages that are done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cellstack_core::limits::{COMMIT_RESERVE, RESPONSE_RESERVE};
use tokio::time::Instant;

use crate::batch::{Job, Lane, Receipt};

/// The time of an invocation. An event starts only if it can have its whole time and be committed after it. So an event
/// that is cut off has had its time, however long its neighbours took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    deadline: Instant,
    event: Duration,
    reserve: Duration,
}

impl Budget {
    /// Divides `time`, the rest of the function's own time. An event may take half of it at most, so that the first one
    /// can always start.
    pub(crate) fn new(time: Duration, event_timeout: Duration) -> Self {
        let time = time.saturating_sub(RESPONSE_RESERVE);
        let (event, reserve) = (event_timeout.min(time / 2), COMMIT_RESERVE.min(time / 4));
        Self { deadline: Instant::now() + time, event, reserve }
    }

    /// Returns the end of all work but the response.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the longest time that one event may take.
    pub(crate) const fn event(&self) -> Duration {
        self.event
    }

    /// Returns whether there is time for another event.
    pub(crate) fn admits_another(&self) -> bool {
        !self.event.is_zero() && Instant::now() + self.event + self.reserve <= self.deadline
    }
}

/// An invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) budget: Budget,
    /// True if the queue keeps each tenant's events in order, so that none may overtake another.
    pub(crate) ordered: bool,
    messages: Vec<Message>,
}

#[derive(Debug)]
struct Message {
    receipt: Receipt,
    /// The message's event was handed to the processor.
    begun: AtomicBool,
    /// The message's event was processed, by this invocation or an earlier one, or dead-lettered.
    done: AtomicBool,
    /// The message's event was dead-lettered, and should be so only once.
    dead_lettered: AtomicBool,
    /// The message was deleted from the queue.
    deleted: AtomicBool,
}

impl Invocation {
    pub(crate) fn new(budget: Budget, ordered: bool, receipts: Vec<Receipt>) -> Self {
        let no = || AtomicBool::new(false);
        let message = |receipt| Message { receipt, begun: no(), done: no(), dead_lettered: no(), deleted: no() };
        Self { budget, ordered, messages: receipts.into_iter().map(message).collect() }
    }

    /// Notes that the processor gets an event.
    pub(crate) fn begun(&self, job: &Job) {
        self.of(job).for_each(|message| message.begun.store(true, Ordering::Relaxed));
    }

    /// Notes that an event is done. The note counts even if the invocation is cut off later.
    pub(crate) fn done(&self, job: &Job) {
        job.deliveries.iter().for_each(|delivery| self.message_done(delivery.at));
    }

    /// Notes that an event is dead-lettered.
    pub(crate) fn dead_lettered(&self, job: &Job) {
        for message in self.of(job) {
            message.dead_lettered.store(true, Ordering::Relaxed);
            message.done.store(true, Ordering::Relaxed);
        }
    }

    /// Returns whether an event is dead-lettered and its message is still in the queue. If the process ended now, the
    /// event would be dead-lettered again.
    pub(crate) fn owes_deletion(&self) -> bool {
        self.messages.iter().any(|m| is(&m.dead_lettered) && !is(&m.deleted))
    }

    /// Notes that the message at this place of the batch is done.
    pub(crate) fn message_done(&self, at: usize) {
        if let Some(message) = self.messages.get(at) {
            message.done.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the messages that are done and still in the queue: places in the batch, and receipts.
    pub(crate) fn undeleted(&self) -> Vec<(usize, &Receipt)> {
        let messages = self.messages.iter().enumerate();
        messages.filter(|(_, m)| is(&m.done) && !is(&m.deleted)).map(|(at, m)| (at, &m.receipt)).collect()
    }

    /// Notes that the message at this place is deleted.
    pub(crate) fn deleted(&self, at: usize) {
        if let Some(message) = self.messages.get(at) {
            message.deleted.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the messages of a lane that was left for want of time: events of it are done, and no other was begun.
    pub(crate) fn not_begun(&self, lane: &Lane) -> Vec<(usize, &Receipt)> {
        let all = || lane.jobs.iter().flat_map(|job| &job.deliveries).map(|delivery| delivery.at);
        let messages = || all().filter_map(|at| Some((at, self.messages.get(at)?)));
        let is_left = messages().any(|(_, m)| is(&m.done)) && messages().all(|(_, m)| is(&m.done) || !is(&m.begun));
        let open = messages().filter(|(_, m)| is_left && !is(&m.done));
        open.map(|(at, message)| (at, &message.receipt)).collect()
    }

    fn of(&self, job: &Job) -> impl Iterator<Item = &Message> {
        job.deliveries.iter().filter_map(|delivery| self.messages.get(delivery.at))
    }

    /// Returns the ids of the messages that must come again.
    pub(crate) fn open(&self) -> Vec<String> {
        self.messages.iter().filter(|m| !is(&m.done)).map(|m| m.receipt.message_id.clone()).collect()
    }
}

fn is(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_event_can_always_start_and_none_ends_after_the_deadline(
            time in 0_u64..900_000, event in 1_u64..900_000, later in 0_u64..900_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let (time, event) = (Duration::from_millis(time), Duration::from_millis(event));
                let budget = Budget::new(time, event);
                assert_eq!(budget.admits_another(), time > RESPONSE_RESERVE + Duration::from_nanos(1));
                assert!(budget.event() <= event);
                tokio::time::advance(Duration::from_millis(later)).await;
                assert!(!budget.admits_another() || Instant::now() + budget.event() <= budget.deadline());
            });
        }
    }
}

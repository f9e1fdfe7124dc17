//! Events that come for the first time: they run at once, and each is committed as soon as it is processed.

use std::sync::atomic::{AtomicBool, Ordering};

use cellstack_core::Clock;
use cellstack_core::limits::EVENTS_AT_ONCE;
use futures::future::join;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;

use crate::Processor;
use crate::batch::{Job, Lane};
use crate::conclude::{Outcome, Try};
use crate::failure::Failure;
use crate::handler::Consumer;
use crate::invocation::Invocation;

impl<P: Processor, A: Clock> Consumer<P, A> {
    /// Processes one tenant's fresh events: at once, or one after the other where order is kept. Some events run while
    /// others are committed, so events that end together share a transaction, and none waits for a slow one.
    pub(crate) async fn fresh(&self, invocation: &Invocation, lane: &Lane) {
        let blocked = AtomicBool::new(false);
        let (finished, mut waiting) = mpsc::unbounded_channel();
        let run = async {
            self.run_lane(invocation, lane, &blocked, &finished).await;
            drop(finished);
        };
        let conclude = async {
            let mut outcomes = Vec::new();
            while waiting.recv_many(&mut outcomes, usize::from(u8::MAX)).await > 0 {
                let done = self.conclude(invocation, &lane.tenant, std::mem::take(&mut outcomes)).await;
                if !done && invocation.blocks() {
                    blocked.store(true, Ordering::Relaxed);
                    return;
                }
            }
        };
        join(run, conclude).await;
    }

    async fn run_lane<'a>(
        &self,
        invocation: &Invocation,
        lane: &'a Lane,
        blocked: &AtomicBool,
        finished: &mpsc::UnboundedSender<Outcome<'a>>,
    ) {
        let at_once = if invocation.ordered { 1 } else { EVENTS_AT_ONCE };
        let mut jobs = lane.jobs.iter();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < at_once && !blocked.load(Ordering::Relaxed) && invocation.budget.admits_another() {
                let Some(job) = jobs.next() else { break };
                running.push(self.first_try(invocation, job));
            }
            let Some(outcome) = running.next().await else { return };
            if self.comes_again(&outcome) && invocation.blocks() {
                blocked.store(true, Ordering::Relaxed);
            }
            // The receiver is gone where an earlier event must come first: this event comes again behind it.
            let _ = finished.send(outcome);
        }
    }

    async fn first_try<'a>(&self, invocation: &Invocation, job: &'a Job) -> Outcome<'a> {
        invocation.begun(job);
        (Try::first(job), self.run(&job.message, invocation.budget.event()).await)
    }

    /// Returns whether it is already known that an event comes again.
    fn comes_again(&self, (attempt, result): &Outcome<'_>) -> bool {
        matches!(result, Err(Failure::Unprocessed(_))) && attempt.number < self.settings.max_tries
    }
}

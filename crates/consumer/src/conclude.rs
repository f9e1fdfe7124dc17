//! The conclusion of events that were run: processed events are committed, the others settled.

use std::collections::{HashMap, VecDeque};

use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{Clock, TenantId};

use crate::Effects;
use crate::batch::Job;
use crate::commit::Committer;
use crate::failure::Failure;
use crate::handler::Consumer;
use crate::invocation::Invocation;

/// A try of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try<'a> {
    pub(crate) job: &'a Job,
    /// Tries so far, this one included.
    pub(crate) number: u32,
    /// True if the try is noted on the event's item. The first is not: a healthy event costs no extra write.
    pub(crate) noted: bool,
}

impl<'a> Try<'a> {
    pub(crate) const fn first(job: &'a Job) -> Self {
        Self { job, number: 1, noted: false }
    }
}

/// A try with its result.
pub(crate) type Outcome<'a> = (Try<'a>, Result<Effects, Failure>);

impl Invocation {
    /// Returns whether events behind one that is not done must wait for it.
    pub(crate) fn blocks(&self) -> bool {
        self.ordered && !is_planted(Mutation::BlockedIgnored)
    }
}

impl<P, A: Clock> Consumer<P, A> {
    /// Concludes events of one tenant, given in order. Returns whether all of them are done. Where order is kept, it
    /// stops at the first that is not.
    pub(crate) async fn conclude(
        &self,
        invocation: &Invocation,
        tenant: &TenantId,
        outcomes: Vec<Outcome<'_>>,
    ) -> bool {
        if invocation.blocks() {
            self.conclude_in_order(invocation, tenant, outcomes).await
        } else {
            self.conclude_at_once(invocation, tenant, outcomes).await
        }
    }

    /// Commits all processed events, then settles the rest.
    async fn conclude_at_once(&self, invocation: &Invocation, tenant: &TenantId, outcomes: Vec<Outcome<'_>>) -> bool {
        let (mut ready, mut failures) = (Vec::new(), Vec::new());
        for (attempt, result) in outcomes {
            match result {
                Ok(effects) => ready.push((attempt, effects)),
                Err(failure) => failures.push((attempt, failure)),
            }
        }
        let uncommitted = self.commit(invocation, tenant, &ready).await;
        failures.extend(uncommitted.into_iter().map(|(at, failure)| (ready[at].0, failure)));
        let mut all = true;
        for (attempt, failure) in failures {
            all &= self.settle(invocation, attempt, &failure).await;
        }
        all
    }

    /// Commits up to the first event that failed, settles that one, and continues behind it.
    async fn conclude_in_order(&self, invocation: &Invocation, tenant: &TenantId, outcomes: Vec<Outcome<'_>>) -> bool {
        let mut pending = VecDeque::from(outcomes);
        while !pending.is_empty() {
            let mut ready = Vec::new();
            let mut failed = None;
            while let Some((attempt, result)) = pending.pop_front() {
                match result {
                    Ok(effects) => ready.push((attempt, effects)),
                    Err(failure) => {
                        failed = Some((attempt, failure));
                        break;
                    }
                }
            }
            let mut uncommitted = self.commit(invocation, tenant, &ready).await.into_iter();
            if let Some((at, failure)) = uncommitted.find(|(_, failure)| *failure != Failure::Blocked) {
                // The events behind it, blocked now, are committed once it is settled.
                if let Some((attempt, failure)) = failed {
                    pending.push_front((attempt, Err(failure)));
                }
                let behind = ready.split_off(at + 1);
                behind.into_iter().rev().for_each(|(attempt, effects)| pending.push_front((attempt, Ok(effects))));
                failed = Some((ready[at].0, failure));
            }
            if let Some((attempt, failure)) = failed
                && !self.settle(invocation, attempt, &failure).await
            {
                return false;
            }
        }
        true
    }

    /// Commits processed events of one tenant, given in order. Returns the places of those that failed, in order.
    async fn commit(
        &self,
        invocation: &Invocation,
        tenant: &TenantId,
        ready: &[(Try<'_>, Effects)],
    ) -> Vec<(usize, Failure)> {
        let committer = Committer {
            client: &self.clients.dynamodb,
            table: &self.settings.table,
            tenant,
            now_ms: self.clock.wall_ms(),
            ordered: invocation.blocks(),
            deadline: invocation.budget.deadline(),
        };
        let events: Vec<_> = ready.iter().map(|(attempt, effects)| (attempt.job.message.id, effects)).collect();
        let mut failed: HashMap<_, _> = committer.commit(&events).await.into_iter().collect();
        let mut failures = Vec::new();
        for (at, (attempt, _)) in ready.iter().enumerate() {
            match failed.remove(&attempt.job.message.id) {
                None => invocation.done(attempt.job),
                Some(failure) => failures.push((at, failure)),
            }
        }
        failures
    }
}

//! Commits: the effects of events, and the marks that they are processed, in one transaction.

mod actions;
mod cancellation;
mod chunk;
#[cfg(test)]
mod shortage_tests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::cancellation;
use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::limits::OPERATION_TIMEOUT;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{EventId, TenantId};
use tokio::time::Instant;

use crate::Effects;
use crate::failure::Failure;
use cancellation::{after, isolate};
use chunk::{Chunk, chunks};

const WHAT: &str = "commit the effects of events";

/// Longest time for which a throttled transaction is tried again. Conflicts end, since one of the rivals always wins. A
/// throttle may last, and one tenant's throttle must not block the cell's consumers.
const THROTTLE_PATIENCE: Duration = OPERATION_TIMEOUT;

/// A committer of one tenant's events.
pub(crate) struct Committer<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) tenant: &'a TenantId,
    pub(crate) now_ms: u64,
    /// True if no event may be committed after an earlier one that failed.
    pub(crate) ordered: bool,
    /// The end of all tries.
    pub(crate) deadline: Instant,
}

/// The next step after a try to commit a chunk.
enum Next<'a> {
    /// Try the same chunk again, after a pause.
    Wait { throttled: bool, reason: String },
    /// Some events failed and others are left to commit, `alone` in a transaction each where one of them spoils the
    /// others. Both lists are in order; the rest of the chunk is done.
    Go { failed: Vec<(EventId, Failure)>, left: Vec<(EventId, &'a Effects)>, alone: bool },
}

impl Next<'_> {
    const DONE: Self = Self::Go { failed: Vec::new(), left: Vec::new(), alone: false };
}

impl Committer<'_> {
    /// Commits the events in order. Returns those that were not committed, with the reasons; the others are processed,
    /// by this commit or an earlier one. Where order is kept, those behind the first failure are [`Failure::Blocked`].
    pub(crate) async fn commit(&self, events: &[(EventId, &Effects)]) -> Vec<(EventId, Failure)> {
        let mut failed = Vec::new();
        let mut work = VecDeque::from(chunks(events.iter().copied()));
        let mut pauses = Pauses::until(self.deadline);
        while let Some(chunk) = work.pop_front() {
            let (mut now, mut left, alone) = match self.attempt(&chunk).await {
                Next::Go { failed, left, alone } => (failed, left, alone),
                Next::Wait { throttled, .. } if pauses.pause(throttled).await => {
                    work.push_front(chunk);
                    continue;
                }
                Next::Wait { reason, .. } => (chunk.failed(&Failure::Uncommitted(reason)), Vec::new(), false),
            };
            pauses = Pauses::until(self.deadline);
            if self.ordered && !now.is_empty() {
                let at = chunk.events.iter().position(|(id, _)| *id == now[0].0).unwrap_or_default();
                let (before, behind) = chunk.events.split_at(at);
                left.retain(|(id, _)| before.iter().any(|(before, _)| before == id));
                now.truncate(1);
                now.extend(behind.iter().skip(1).map(|(id, _)| (*id, Failure::Blocked)));
                now.extend(work.drain(..).flat_map(|chunk| chunk.failed(&Failure::Blocked)));
            }
            failed.extend(now);
            let again = if alone { left.into_iter().flat_map(|event| chunks([event])).collect() } else { chunks(left) };
            again.into_iter().rev().for_each(|chunk| work.push_front(chunk));
        }
        failed
    }

    async fn attempt<'a>(&self, chunk: &Chunk<'a>) -> Next<'a> {
        let mut actions = match self.actions(chunk) {
            Ok(actions) => actions,
            Err(error) => return isolate(chunk, Failure::Refused(error.to_string())),
        };
        if is_planted(Mutation::MarkedBeforeEffect) {
            let effects = actions.split_off(chunk.events.len());
            match self.transact(chunk, actions).await {
                Next::Go { failed, left, .. } if failed.is_empty() && left.is_empty() => actions = effects,
                next => return next,
            }
        }
        self.transact(chunk, actions).await
    }

    async fn transact<'a>(&self, chunk: &Chunk<'a>, actions: Vec<TransactWriteItem>) -> Next<'a> {
        let sent = self.client.transact_write_items().set_transact_items(Some(actions)).send().await;
        let Err(error) = sent else { return Next::DONE };
        if let Some(reasons) = cancellation(&error) {
            return after(chunk, reasons);
        }
        let failure = AwsFailure::of(WHAT, error);
        if failure.is_invalid_input() {
            return isolate(chunk, Failure::Refused(failure.detail));
        }
        match failure.kind {
            FailureKind::Busy | FailureKind::HotPartition => {
                Next::Wait { throttled: true, reason: failure.to_string() }
            }
            FailureKind::Unavailable | FailureKind::Refused => {
                let failed = chunk.failed(&Failure::Uncommitted(failure.to_string()));
                Next::Go { failed, left: Vec::new(), alone: false }
            }
        }
    }
}

/// The pauses between the tries of one chunk.
struct Pauses {
    conflict: Backoff,
    throttle: Backoff,
}

impl Pauses {
    fn until(deadline: Instant) -> Self {
        let throttle = Backoff::until(deadline.min(Instant::now() + THROTTLE_PATIENCE));
        Self { conflict: Backoff::until(deadline), throttle }
    }

    /// Waits before the next try. Returns `false` at once when there is no time for one.
    async fn pause(&mut self, throttled: bool) -> bool {
        if throttled { self.throttle.pause().await } else { self.conflict.pause().await }
    }
}

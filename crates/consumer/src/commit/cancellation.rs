//! The meaning of a cancelled transaction for each of its events.

use aws_sdk_dynamodb::types::CancellationReason;
use cellstack_aws::transaction::{describe, is_refused, is_transient};
use cellstack_core::mutation::{Mutation, is_planted};

use super::Next;
use super::chunk::Chunk;
use crate::failure::Failure;
use crate::item::Standing;

/// The meaning of a mark's cancellation reason for its event.
enum Verdict {
    /// The event's status says that it needs nothing more.
    Done,
    /// The event can't be committed.
    Failed(Failure),
}

/// Decides on the next step after a cancellation. The marks are the first actions, in the order of the events, so the
/// first reasons are theirs.
pub(super) fn after<'a>(chunk: &Chunk<'a>, reasons: &[CancellationReason]) -> Next<'a> {
    if is_planted(Mutation::ConflictIsDuplicate) && reasons.iter().any(|r| r.code() == Some("TransactionConflict")) {
        return Next::DONE;
    }
    let (mut failed, mut left) = (Vec::new(), Vec::new());
    for (at, event) in chunk.events.iter().enumerate() {
        match reasons.get(at).and_then(verdict) {
            None => left.push(*event),
            Some(Verdict::Done) => {}
            Some(Verdict::Failed(failure)) => failed.push((event.0, failure)),
        }
    }
    if left.len() < chunk.events.len() {
        Next::Go { failed, left, alone: false }
    } else if reasons.iter().all(is_transient) {
        // The reasons are conflicts with other transactions, or throttles: neither a duplicate nor a refusal.
        Next::Wait { throttled: reasons.iter().any(is_throttled), reason: describe(reasons) }
    } else {
        isolate(chunk, Failure::Refused(describe(reasons)))
    }
}

/// Decides on the next step when some effect is refused for good: each event is tried alone, which shows the refused
/// one.
pub(super) fn isolate<'a>(chunk: &Chunk<'a>, failure: Failure) -> Next<'a> {
    match chunk.events.as_slice() {
        [(id, _)] => Next::Go { failed: vec![(*id, failure)], left: Vec::new(), alone: false },
        events => Next::Go { failed: Vec::new(), left: events.to_vec(), alone: true },
    }
}

fn is_throttled(reason: &CancellationReason) -> bool {
    matches!(reason.code(), Some("ThrottlingError" | "ProvisionedThroughputExceeded"))
}

/// Reads a mark's cancellation reason. Returns `None` where it says nothing against the event.
fn verdict(reason: &CancellationReason) -> Option<Verdict> {
    if !is_refused(reason) {
        return None;
    }
    Some(match Standing::of(reason.item()) {
        Standing::Done => Verdict::Done,
        Standing::Missing => Verdict::Failed(Failure::NotHeld),
        Standing::Unknown(status) => Verdict::Failed(Failure::Uncommitted(format!("its status is '{status}'"))),
        // The event was redriven in between.
        Standing::Waiting { .. } => Verdict::Failed(Failure::Uncommitted("its status has changed".to_owned())),
    })
}

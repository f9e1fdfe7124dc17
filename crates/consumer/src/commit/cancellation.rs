//! The meaning of a cancelled transaction for each of its events.

use aws_sdk_dynamodb::types::CancellationReason;
use cellstack_aws::transaction::{describe, is_refused, is_transient};
use cellstack_core::mutation::{Mutation, is_planted};
use rust_decimal::Decimal;

use super::Next;
use super::chunk::Chunk;
use crate::addition::Addition;
use crate::effects::Effect;
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
        isolate(chunk, Failure::Refused(shortage(chunk, reasons).unwrap_or_else(|| describe(reasons))))
    }
}

/// Returns the first number that is too small for the effects, in words. The reasons of the writes come behind those of the
/// marks.
fn shortage(chunk: &Chunk<'_>, reasons: &[CancellationReason]) -> Option<String> {
    let mut writes = chunk.writes.iter().zip(reasons.get(chunk.events.len()..)?);
    let ((sort_key, effect), reason) = writes.find(|(_, reason)| is_refused(reason))?;
    let Effect::Add(numbers) = effect else { return None };
    let found = |attribute: &str| {
        let number = reason.item().and_then(|item| item.get(attribute)?.as_n().ok()?.parse::<Decimal>().ok());
        number.unwrap_or_default()
    };
    let short = |(attribute, addition): (&String, &Addition)| {
        let least = addition.at_least.filter(|least| found(attribute) < *least)?;
        let found = found(attribute).normalize();
        Some(format!("'{attribute}' of item '{sort_key}' is {found}; expected {} at least", least.normalize()))
    };
    numbers.iter().find_map(short)
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

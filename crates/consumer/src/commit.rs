//! Writes the effects of events and the marks that they are processed, in one transaction.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use cellstack_core::aws::AwsFailure;
use cellstack_core::cell_table::{Item, key, number};
use cellstack_core::event::{EventKey, EventStatus};
use cellstack_core::limits::{MAX_TRANSACTION, TRANSACTION_TRIES};
use cellstack_core::transaction::{cancellation, describe, is_refused, is_transient};
use cellstack_core::{EventId, TenantId};

use crate::effects::{Effect, Effects, merge};

const WHAT: &str = "commit the effects of events";

/// Where one tenant's effects go.
pub(crate) struct Ledger<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) tenant: &'a TenantId,
    pub(crate) now_ms: u64,
    /// Whether no event may be committed after one before it was not.
    pub(crate) ordered: bool,
}

/// Events whose effects go into one transaction.
struct Chunk<'a> {
    events: Vec<(EventId, &'a Effects)>,
    writes: BTreeMap<String, Effect>,
}

/// Why an event was not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may be later.
    Passing(String),
    /// Its effects are refused for good.
    Refused(String),
    /// This cell does not hold the event.
    NotHeld,
    /// It was not tried: it must not overtake an event before it that comes again.
    Behind,
}

/// What a mark's cancellation reason says of its event.
enum Verdict {
    /// Its status says it needs nothing more.
    Done,
    /// It can't be committed.
    Failed(Failure),
}

/// What follows from a cancelled transaction.
#[derive(Default)]
struct Next<'a> {
    /// These can't be committed.
    failed: Vec<(EventId, Failure)>,
    /// These are tried again, in order.
    again: Vec<Chunk<'a>>,
    /// Why the same chunk is tried again: it must wait, and not for ever.
    wait: Option<String>,
}

impl Ledger<'_> {
    /// Commits the events in order. Returns those that were not committed and why; the others are processed, by this
    /// commit or an earlier one.
    pub(crate) async fn commit(&self, events: &[(EventId, Effects)]) -> Vec<(EventId, Failure)> {
        let mut failed = Vec::new();
        let mut work: VecDeque<_> = chunks(events.iter().map(|(id, effects)| (*id, effects))).into();
        let mut tries = 0;
        while let Some(chunk) = work.pop_front() {
            tries += 1;
            let next = match self.attempt(&chunk).await {
                Ok(()) => Next::default(),
                Err(next) => next,
            };
            let passing = next.failed.iter().any(|(_, failure)| matches!(failure, Failure::Passing(_)));
            failed.extend(next.failed);
            if let Some(reason) = next.wait {
                if tries < TRANSACTION_TRIES {
                    tokio::time::sleep(Duration::from_millis(10 << tries)).await;
                    work.push_front(chunk);
                    continue;
                }
                failed.extend(chunk.failed(&Failure::Passing(reason)));
            } else {
                next.again.into_iter().rev().for_each(|chunk| work.push_front(chunk));
                if !passing {
                    tries = 0;
                    continue;
                }
            }
            tries = 0;
            if self.ordered {
                failed.extend(work.drain(..).flat_map(|chunk| chunk.failed(&Failure::Behind)));
            }
        }
        failed
    }

    async fn attempt<'a>(&self, chunk: &Chunk<'a>) -> Result<(), Next<'a>> {
        let actions = match self.actions(chunk) {
            Ok(actions) => actions,
            Err(error) => return Err(isolate(chunk, Failure::Refused(error.to_string()))),
        };
        let sent = self.client.transact_write_items().set_transact_items(Some(actions)).send().await;
        let Err(error) = sent else { return Ok(()) };
        if let Some(reasons) = cancellation(&error) {
            return Err(after(chunk, reasons));
        }
        let failure = AwsFailure::of(WHAT, error);
        Err(if failure.is_invalid_input() {
            isolate(chunk, Failure::Refused(failure.detail))
        } else {
            Next { failed: chunk.failed(&Failure::Passing(failure.to_string())), ..Next::default() }
        })
    }

    fn actions(&self, chunk: &Chunk<'_>) -> Result<Vec<TransactWriteItem>, BuildError> {
        let mut actions = Vec::with_capacity(chunk.events.len() + chunk.writes.len());
        for (id, effects) in &chunk.events {
            actions.push(TransactWriteItem::builder().update(self.mark(*id, effects)?).build());
        }
        for (sort_key, effect) in &chunk.writes {
            actions.push(self.write(sort_key, effect)?);
        }
        Ok(actions)
    }

    /// The event's own item is the guard: it must still be `accepted`.
    fn mark(&self, id: EventId, effects: &Effects) -> Result<Update, BuildError> {
        let mut update = Update::builder()
            .table_name(self.table)
            .set_key(Some(key(self.tenant, EventKey(id).to_string())))
            .condition_expression("#status = :accepted")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":accepted", AttributeValue::S(EventStatus::Accepted.as_str().to_owned()))
            .expression_attribute_values(":processed", AttributeValue::S(EventStatus::Processed.as_str().to_owned()))
            .expression_attribute_values(":now", number(self.now_ms))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut expression = "SET #status = :processed, processed_at = :now".to_owned();
        if let Some(result) = effects.as_result() {
            expression.push_str(", #result = :result");
            update = update
                .expression_attribute_names("#result", "result")
                .expression_attribute_values(":result", AttributeValue::S(result.to_owned()));
        }
        update.update_expression(expression).build()
    }

    fn write(&self, sort_key: &str, effect: &Effect) -> Result<TransactWriteItem, BuildError> {
        let key = key(self.tenant, sort_key);
        let action = TransactWriteItem::builder();
        Ok(match effect {
            Effect::Add(numbers) => {
                let mut update = Update::builder().table_name(self.table).set_key(Some(key));
                let mut expression = String::new();
                for (at, (attribute, amount)) in numbers.iter().enumerate() {
                    expression.push_str(if at == 0 { "ADD " } else { ", " });
                    expression.push_str(&format!("#a{at} :a{at}"));
                    update = update
                        .expression_attribute_names(format!("#a{at}"), attribute)
                        .expression_attribute_values(format!(":a{at}"), AttributeValue::N(amount.to_string()));
                }
                action.update(update.update_expression(expression).build()?)
            }
            Effect::Put(attributes) => {
                let mut item: Item = attributes.clone().into_iter().collect();
                item.extend(key);
                action.put(Put::builder().table_name(self.table).set_item(Some(item)).build()?)
            }
            Effect::Delete => action.delete(Delete::builder().table_name(self.table).set_key(Some(key)).build()?),
        }
        .build())
    }
}

/// Decides what follows from a cancellation. The marks are the first actions, in the order of the events, so the first
/// reasons are theirs.
fn after<'a>(chunk: &Chunk<'a>, reasons: &[CancellationReason]) -> Next<'a> {
    let mut next = Next::default();
    let mut left = Vec::new();
    for (at, (id, effects)) in chunk.events.iter().enumerate() {
        match reasons.get(at).and_then(verdict) {
            None => left.push((*id, *effects)),
            Some(Verdict::Done) => {}
            Some(Verdict::Failed(failure)) => next.failed.push((*id, failure)),
        }
    }
    if left.len() < chunk.events.len() {
        next.again = chunks(left);
        next
    } else if reasons.iter().all(is_transient) {
        // A conflict with another transaction, or a throttle: neither a duplicate nor a refusal.
        Next { wait: Some(describe(reasons)), ..Next::default() }
    } else {
        isolate(chunk, Failure::Refused(describe(reasons)))
    }
}

/// What follows when some effect is refused for good: alone, each event shows whether it is the one.
fn isolate<'a>(chunk: &Chunk<'a>, failure: Failure) -> Next<'a> {
    match chunk.events.as_slice() {
        [(id, _)] => Next { failed: vec![(*id, failure)], ..Next::default() },
        events => Next { again: events.iter().flat_map(|event| chunks([*event])).collect(), ..Next::default() },
    }
}

impl Chunk<'_> {
    fn failed(&self, failure: &Failure) -> Vec<(EventId, Failure)> {
        self.events.iter().map(|(id, _)| (*id, failure.clone())).collect()
    }
}

/// Cuts events into chunks that fit a transaction.
fn chunks<'a>(events: impl IntoIterator<Item = (EventId, &'a Effects)>) -> Vec<Chunk<'a>> {
    let mut chunks: Vec<Chunk<'a>> = Vec::new();
    for (id, effects) in events {
        if let Some(last) = chunks.last_mut()
            && let Some(merged) = merge(&last.writes, effects.writes())
            && last.events.len() + 1 + merged.len() <= MAX_TRANSACTION
        {
            last.events.push((id, effects));
            last.writes = merged;
        } else {
            chunks.push(Chunk { events: vec![(id, effects)], writes: effects.writes().clone() });
        }
    }
    chunks
}

/// What a mark's cancellation reason says of its event; `None` where it says nothing against it.
fn verdict(reason: &CancellationReason) -> Option<Verdict> {
    if !is_refused(reason) {
        return None;
    }
    let status = reason.item().and_then(|item| item.get("status")).and_then(|status| status.as_s().ok());
    Some(match status.map(String::as_str) {
        Some("processed" | "failed" | "carried") => Verdict::Done,
        Some(other) => Verdict::Failed(Failure::Passing(format!("its status is '{other}'"))),
        None => Verdict::Failed(Failure::NotHeld),
    })
}

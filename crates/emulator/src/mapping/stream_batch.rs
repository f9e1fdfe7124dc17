//! A batch of stream records: invoked, retried, split, discarded.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::control::Control;
use super::destination::{Condition, metadata};
use super::invoke::{Invoked, invoke};
use super::response::{Verdict, verdict};
use super::stream::Lane;
use crate::dynamodb::Record;
use crate::observe::Observation;
use crate::sqs::Send;

/// The first pause before a retry; it doubles. AWS documents exponential backoff without numbers.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The time after which records leave the stream, under any mapping.
const STREAM_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// A record, and the JSON that a function gets of it.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) record: Arc<Record>,
    pub(super) json: Arc<str>,
}

/// A part of a batch, and its tries so far.
struct Part {
    items: Vec<Item>,
    /// Invocations that failed and count against the retry limit.
    failures: u32,
    /// Tries in a row; the pause grows with them.
    tries: u32,
    invocations: u32,
}

/// The outcome of a part.
enum Outcome {
    Done,
    /// These records failed; those before them are done.
    From(usize),
    FunctionError,
    NotReached,
}

impl Lane {
    /// Processes a batch until every record is finished; returns `false` if the mapping was stopped before.
    pub(super) async fn process(&self, batch: Vec<Item>, control: &mut Control) -> bool {
        let mut parts = vec![Part { items: batch, failures: 0, tries: 0, invocations: 0 }];
        // The last part is the earliest: records stay in order.
        while let Some(mut part) = parts.pop() {
            self.drop_expired(&mut part);
            if part.items.is_empty() {
                continue;
            }
            match self.attempt(&mut part).await {
                Outcome::Done => {
                    self.done(&part.items);
                    continue;
                }
                Outcome::NotReached => part.tries += 1,
                Outcome::From(first) if first > 0 => {
                    let rest = part.items.split_off(first);
                    self.done(&part.items);
                    part.items = rest;
                    part.tries = 1;
                    // With bisect, the split is at the failed record, and a split does not count as a retry.
                    if !self.mapping.bisect_batch_on_function_error {
                        part.failures += 1;
                    }
                }
                Outcome::FunctionError if self.mapping.bisect_batch_on_function_error && part.items.len() > 1 => {
                    let second = part.items.split_off(part.items.len().div_ceil(2));
                    parts.push(Part { items: second, tries: 0, ..part });
                    part.tries = 0;
                }
                Outcome::From(_) | Outcome::FunctionError => {
                    part.failures += 1;
                    part.tries += 1;
                }
            }
            if self.mapping.max_retries.is_some_and(|max| part.failures > max) {
                self.dead_letter(&part.items, Condition::RetryAttemptsExhausted, part.invocations);
                continue;
            }
            let pause = pause(part.tries);
            parts.push(part);
            tokio::select! {
                // In this order, not in a random one: the same seed must run the same way.
                biased;
                () = tokio::time::sleep(pause) => {}
                () = control.changed() => {}
            }
            if !control.enabled().await {
                return false;
            }
        }
        true
    }

    async fn attempt(&self, part: &mut Part) -> Outcome {
        let items = &part.items;
        let bytes: usize = items.iter().map(|i| i.json.len() + 1).sum();
        let mut payload = String::with_capacity(bytes + 16);
        payload.push_str(r#"{"Records":["#);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                payload.push(',');
            }
            payload.push_str(&item.json);
        }
        payload.push_str("]}");
        self.context.observers.tell(|| Observation::StreamBatch {
            function: self.name.clone(),
            table: self.shard.table.clone(),
            records: items.iter().map(|i| i.json.clone()).collect(),
        });
        let invoked = invoke(
            &self.context,
            &self.name,
            &*self.function,
            Bytes::from(payload),
            self.mapping.function_timeout,
            items.len(),
        )
        .await;
        let response = match invoked {
            Invoked::NotReached => return Outcome::NotReached,
            Invoked::FunctionError => {
                part.invocations += 1;
                return Outcome::FunctionError;
            }
            Invoked::Responded(response) => response,
        };
        part.invocations += 1;
        if !self.mapping.report_batch_item_failures {
            return Outcome::Done;
        }
        let position = |id: &str| part.items.iter().position(|i| i.record.sequence_number() == id);
        match verdict(&response, position) {
            Verdict::Success => Outcome::Done,
            Verdict::Failed(positions) => Outcome::From(positions.first().copied().unwrap_or(0)),
            Verdict::WholeBatch(reason) => {
                self.context
                    .observers
                    .tell(|| Observation::Failed { function: self.name.clone(), error: reason.into() });
                Outcome::From(0)
            }
        }
    }

    fn drop_expired(&self, part: &mut Part) {
        let age = self.mapping.max_record_age.unwrap_or(STREAM_RETENTION).min(STREAM_RETENTION);
        let horizon = self.context.clock.ms().saturating_sub(age.as_millis() as u64);
        let expired = part.items.iter().take_while(|i| i.record.created_ms < horizon).count();
        if expired > 0 {
            let rest = part.items.split_off(expired);
            self.dead_letter(&part.items, Condition::RecordAgeExceeded, part.invocations);
            part.items = rest;
        }
    }

    fn done(&self, items: &[Item]) {
        if let Some(last) = items.last() {
            self.advance(last.record.sequence);
        }
    }

    fn dead_letter(&self, items: &[Item], condition: Condition, invocations: u32) {
        if let (Some(first), Some(last)) = (items.first(), items.last()) {
            let body = metadata(
                &self.context,
                &self.shard,
                &self.name,
                condition,
                invocations,
                (&first.record, &last.record, items.len()),
            );
            let send = Send { body: body.into(), ..Send::default() };
            let target = self.mapping.on_failure.as_deref();
            self.sqs.dead_letter(&self.shard.stream_arn, target, send, invocations, condition.name());
        }
        self.done(items);
    }
}

fn pause(tries: u32) -> Duration {
    if tries == 0 {
        return Duration::ZERO;
    }
    FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST_PAUSE)
}

//! Delivery from a table's stream to a function: reading, filtering, gathering batches.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::control::{Control, MappingHandle};
use super::stream_batch::Item;
use super::{MAX_PAYLOAD, MappingError, StartingPosition, StreamMapping};
use crate::context::Context;
use crate::dynamodb::streams::parse_sequence_number;
use crate::dynamodb::{DynamoDb, Shard};
use crate::function::Function;
use crate::pattern::Pattern;
use crate::resource::Resource;
use crate::sqs::Sqs;

/// The most records read at once.
const READ: usize = 1000;
/// The pause after a read that failed.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// A lane of a shard, which the parallelization factor splits into lanes. The records of an item are all in one lane.
/// Each lane has one batch under way at most, and waits for no other.
pub(super) struct Lane {
    pub(super) context: Arc<Context>,
    pub(super) sqs: Arc<Sqs>,
    pub(super) shard: Arc<Shard>,
    pub(super) name: Arc<str>,
    pub(super) mapping: Arc<StreamMapping>,
    pub(super) function: Arc<dyn Function>,
    filters: Arc<Vec<Pattern>>,
    number: u64,
    /// The position up to which every record is finished.
    pub(super) checkpoint: Arc<AtomicU64>,
}

pub(crate) fn start(
    context: Arc<Context>,
    dynamodb: &DynamoDb,
    sqs: Arc<Sqs>,
    mapping: StreamMapping,
    function: Arc<dyn Function>,
) -> Result<MappingHandle, MappingError> {
    mapping.check()?;
    let stream = dynamodb.stream(&mapping.table).map_err(|e| MappingError::NoStream(e.to_string()))?;
    let filters: Vec<_> = mapping
        .filters
        .iter()
        .map(|text| Pattern::parse(text).map_err(MappingError::Pattern))
        .collect::<Result<_, _>>()?;
    let start = match &mapping.starting_position {
        StartingPosition::TrimHorizon => 0,
        StartingPosition::Latest => stream.last(),
        StartingPosition::After(number) => parse_sequence_number(number)
            .ok_or_else(|| MappingError::NoStream(format!("no sequence number: {number}")))?,
    };
    let (mapping, filters) = (Arc::new(mapping), Arc::new(filters));
    let (mut handle, control) = MappingHandle::new();
    for shard in &stream.shards {
        let mut start = start;
        if mapping.starting_position == StartingPosition::TrimHorizon {
            let saved = dynamodb.saved_position(&mapping.function, shard);
            start = saved.map_err(|e| MappingError::NoStream(e.to_string()))?.unwrap_or(start);
        }
        for number in 0..u64::from(mapping.parallelization_factor) {
            let checkpoint = shard.add_reader(start);
            let goes_on = mapping.starting_position == StartingPosition::TrimHorizon;
            dynamodb.keep_position(&mapping.function, shard, &checkpoint, goes_on);
            handle.add_position(shard, checkpoint.clone());
            let lane = Lane {
                context: context.clone(),
                sqs: sqs.clone(),
                shard: shard.clone(),
                name: mapping.function.as_str().into(),
                mapping: mapping.clone(),
                function: function.clone(),
                filters: filters.clone(),
                number,
                checkpoint,
            };
            handle.add(tokio::spawn(lane.run(control.clone())));
        }
    }
    Ok(handle)
}

/// The records that passed the filter and wait for their batch.
#[derive(Default)]
struct Pending {
    items: VecDeque<Item>,
    bytes: usize,
    /// The time at which the first of them was read, which starts the window.
    since: Option<u64>,
}

impl Lane {
    async fn run(self, mut control: Control) {
        let mut pending = Pending::default();
        let mut cursor = self.checkpoint.load(Ordering::Acquire);
        while control.enabled().await {
            let changed = self.shard.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // Registered before reading, so that no record written in between is missed.
            changed.as_mut().enable();
            let Some(read) = self.read(&mut pending, &mut cursor).await else { return };
            let window_ends = pending.since.map(|at| at + self.mapping.window.as_millis() as u64);
            let now = self.context.clock.ms();
            let full = pending.items.len() >= self.mapping.batch_size || pending.bytes >= MAX_PAYLOAD;
            if full || window_ends.is_some_and(|at| at <= now) {
                let batch = self.take_batch(&mut pending);
                // Dropped before the batch is processed: the notification is of no use then.
                if !self.process(batch, &mut control).await {
                    return;
                }
                pending.since = pending.items.front().map(|_| now);
                if pending.items.is_empty() {
                    self.advance(cursor);
                }
                continue;
            }
            if read {
                continue;
            }
            tokio::select! {
                // In this order, not in a random one: the same seed must run the same way.
                biased;
                () = changed => {}
                () = self.context.clock.sleep_until(window_ends.unwrap_or(u64::MAX)), if window_ends.is_some() => {}
                () = control.changed() => {}
            }
        }
    }

    /// Reads on, if there is room. Returns whether anything was read; `None` once the table is gone.
    async fn read(&self, pending: &mut Pending, cursor: &mut u64) -> Option<bool> {
        if pending.items.len() >= self.mapping.batch_size || pending.bytes >= MAX_PAYLOAD {
            return Some(false);
        }
        let records = self.shard.read(*cursor, READ)?;
        if records.is_empty() {
            return Some(false);
        }
        let mentions = |r: &Resource| r.is_in(&self.shard.stream_arn);
        let (latency, fault) = self.context.faults.decide("DynamoDBStreams", "GetRecords", || 0, mentions);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if fault.is_some() {
            tokio::time::sleep(READ_PAUSE).await;
            return Some(true);
        }
        let lanes = u64::from(self.mapping.parallelization_factor);
        for record in records {
            *cursor = record.sequence;
            if record.key_hash % lanes != self.number {
                continue;
            }
            let json = record.lambda_json(&self.shard.stream_arn);
            if !self.passes(&json) {
                continue;
            }
            pending.bytes += json.len() + 1;
            pending.since.get_or_insert_with(|| self.context.clock.ms());
            pending.items.push_back(Item { record, json: json.into() });
        }
        if pending.items.is_empty() {
            // Records that the filter keeps out are finished.
            self.advance(*cursor);
        }
        Some(true)
    }

    fn passes(&self, json: &str) -> bool {
        if self.filters.is_empty() {
            return true;
        }
        serde_json::from_str(json).is_ok_and(|value| self.filters.iter().any(|f| f.matches(&value)))
    }

    fn take_batch(&self, pending: &mut Pending) -> Vec<Item> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < self.mapping.batch_size
            && let Some(next) = pending.items.front()
            && (batch.is_empty() || bytes + next.json.len() < MAX_PAYLOAD - 64)
        {
            bytes += next.json.len() + 1;
            batch.extend(pending.items.pop_front());
        }
        pending.bytes -= bytes.min(pending.bytes);
        batch
    }

    pub(super) fn advance(&self, sequence: u64) {
        self.checkpoint.fetch_max(sequence, Ordering::AcqRel);
    }
}

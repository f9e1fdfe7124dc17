//! The history of the cells' tables, read from their streams: the state of the fence when each event was written, and
//! the order in which events were accepted and processed.
//!
//! The final state shows no write that came too late, since the fence moves on. The stream does: it has every write
//! from the first, those of a tenant in their order.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::event::EventKey;
use cellstack_core::fence::{self, FENCE_PREFIX, FenceState};
use cellstack_core::{EventId, EventStatus};
use cellstack_router::Standby;
use hyper::Request;
use serde_json::{Value, json};

use crate::trace::Subject;
use cellstack_embedded::Stack;
use cellstack_embedded::names::CellNames;

/// The events of a tenant in a cell, in order.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    pub(crate) accepted: Vec<EventId>,
    pub(crate) processed: Vec<EventId>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    standbys: Standby,
    /// Events that were written although their cell's fence did not permit it, in words.
    pub(crate) below: Vec<String>,
    /// Events that were written.
    pub(crate) written: usize,
    /// Of these, written by a standby.
    pub(crate) stood_by: usize,
    /// Sequences by cell and tenant.
    pub(crate) sequences: BTreeMap<(usize, String), Sequence>,
    /// Events that failed or were redriven at some time.
    pub(crate) out_of_line: BTreeSet<Subject>,
    /// Events that a standby held at some time, and the cell of each.
    pub(crate) held: BTreeMap<Subject, usize>,
    /// Events that were marked as carried at some time: home from a standby, or handed over by a move.
    pub(crate) carried: BTreeSet<Subject>,
    /// Epoch and state of each fence shard so far, by cell, tenant and sort key.
    fences: BTreeMap<(usize, String, String), (String, String)>,
}

impl Journal {
    /// Reads the journal of a stack. Standbys that process write events as `accepted`.
    pub(crate) async fn read(stack: &Stack, standbys: Standby) -> Result<Self> {
        let mut journal = Self { standbys, ..Self::default() };
        for (at, cell) in stack.cells().iter().enumerate() {
            for shard in shards(stack, &CellNames::of(cell).table).await? {
                for record in shard {
                    journal.record(at, &record);
                }
            }
        }
        Ok(journal)
    }

    fn record(&mut self, cell: usize, record: &Value) {
        let image = |image: &str, name: &str, kind: &str| {
            record["dynamodb"][image][name][kind].as_str().unwrap_or_default().to_owned()
        };
        let of = |name: &str, kind: &str| image("NewImage", name, kind);
        let (tenant, sort_key, status) = (of(TENANT_ID, "S"), of(SORT_KEY, "S"), of("status", "S"));
        if sort_key.starts_with(FENCE_PREFIX) {
            self.fences.insert((cell, tenant, sort_key), (of("epoch", "N"), of("state", "S")));
            return;
        }
        let Ok(EventKey(id)) = EventKey::try_from(sort_key) else { return };
        let is = |expected: EventStatus| status == expected.as_str();
        let (inserted, before) = (record["eventName"] == "INSERT", image("OldImage", "status", "S"));
        if inserted {
            self.written += 1;
            self.check_fence(cell, &tenant, id, &of("epoch", "N"), is(EventStatus::Held));
        }
        if is(EventStatus::Failed) || !of("redrives", "N").is_empty() {
            self.out_of_line.insert((tenant.clone(), id));
        }
        if is(EventStatus::Held) {
            self.held.insert((tenant.clone(), id), cell);
        } else if is(EventStatus::Carried) {
            self.carried.insert((tenant.clone(), id));
        }
        let sequence = self.sequences.entry((cell, tenant)).or_default();
        if inserted && is(EventStatus::Accepted) {
            sequence.accepted.push(id);
        } else if is(EventStatus::Processed) && before != status {
            sequence.processed.push(id);
        }
    }

    fn check_fence(&mut self, cell: usize, tenant: &str, id: EventId, epoch: &str, held: bool) {
        let fence = self.fences.get(&(cell, tenant.to_owned(), fence::key_of(id)));
        let by_standby = fence.is_some_and(|(_, state)| state == FenceState::Standby.as_str());
        self.stood_by += usize::from(by_standby);
        let right = match fence {
            Some((_, state)) if state == FenceState::Open.as_str() => !held,
            Some(_) if by_standby => held == (self.standbys == Standby::Hold),
            _ => false,
        };
        if !right || fence.is_none_or(|(at, _)| at != epoch) {
            self.below
                .push(format!("{id} of {tenant} was written in cell {cell} at epoch {epoch} under fence {fence:?}"));
        }
    }
}

/// Returns all records of a table's stream, by shard.
async fn shards(stack: &Stack, table: &str) -> Result<Vec<Vec<Value>>> {
    let described = stack.dynamodb().describe_table().table_name(table).send().await?;
    let arn = described.table.and_then(|table| table.latest_stream_arn).context("a table without stream")?;
    let stream = call(stack, "DescribeStream", &json!({ "StreamArn": arn })).await?;
    let shards = stream["StreamDescription"]["Shards"].as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for shard in shards {
        let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        let mut iterator = call(stack, "GetShardIterator", &from).await?["ShardIterator"].take();
        let mut records = Vec::new();
        loop {
            let mut page = call(stack, "GetRecords", &json!({ "ShardIterator": iterator })).await?;
            match page["Records"].take() {
                Value::Array(page) if !page.is_empty() => records.extend(page),
                _ => break,
            }
            iterator = page["NextShardIterator"].take();
        }
        all.push(records);
    }
    Ok(all)
}

async fn call(stack: &Stack, operation: &str, body: &Value) -> Result<Value> {
    let target = format!("DynamoDBStreams_20120810.{operation}");
    let request = Request::post("/").header("x-amz-target", target).body(Bytes::from(body.to_string()))?;
    let response = stack.aws().handle(request).await;
    ensure!(response.status().is_success(), "{operation}: {}", String::from_utf8_lossy(response.body()));
    Ok(serde_json::from_slice(response.body())?)
}

//! The order of a cell table's writes, read from its stream: what the fence said when each event was written.
//!
//! The state at the end shows no write that came too late, since the fence moves on. The stream does: it has every write
//! in its order, from the first.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::event::EventKey;
use cellstack_core::fence::{self, FENCE_PREFIX};
use hyper::Request;
use serde_json::{Value, json};

use crate::Stack;
use crate::names::CellNames;

/// Events that were written while their cell's fence was not open at their epoch, in words; and how many were written.
pub(crate) async fn below_the_fence(stack: &Stack) -> Result<(Vec<String>, usize)> {
    let (mut below, mut written) = (Vec::new(), 0);
    for cell in stack.cells() {
        let mut fences: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
        for record in records(stack, &CellNames::of(cell).table).await? {
            let change = &record["dynamodb"];
            let of = |name: &str, kind: &str| change["NewImage"][name][kind].as_str().unwrap_or_default().to_owned();
            let (tenant, sort_key) = (of(TENANT_ID, "S"), of(SORT_KEY, "S"));
            if sort_key.starts_with(FENCE_PREFIX) {
                fences.insert((tenant, sort_key), (of("epoch", "N"), of("state", "S")));
            } else if sort_key.starts_with(EventKey::PREFIX) && record["eventName"] == "INSERT" {
                written += 1;
                let shard = EventKey::try_from(sort_key.clone()).map(|key| fence::key_of(key.0)).unwrap_or_default();
                let (epoch, fence) = (of("epoch", "N"), fences.get(&(tenant.clone(), shard)));
                if fence.is_none_or(|(at, state)| *at != epoch || state != "open") {
                    below.push(format!(
                        "{} of {tenant} was written in cell {cell} at epoch {epoch} under fence {fence:?}",
                        sort_key.trim_start_matches(EventKey::PREFIX)
                    ));
                }
            }
        }
    }
    Ok((below, written))
}

/// All records of a table's stream.
async fn records(stack: &Stack, table: &str) -> Result<Vec<Value>> {
    let described = stack.dynamodb().describe_table().table_name(table).send().await?;
    let arn = described.table.and_then(|table| table.latest_stream_arn).context("a table without stream")?;
    let stream = call(stack, "DescribeStream", &json!({ "StreamArn": arn })).await?;
    let mut all = Vec::new();
    // One shard after the other: a tenant's items share one, so that theirs is the order of its writes.
    for shard in stream["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
        let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        let mut iterator = call(stack, "GetShardIterator", &from).await?["ShardIterator"].take();
        loop {
            let mut page = call(stack, "GetRecords", &json!({ "ShardIterator": iterator })).await?;
            match page["Records"].take() {
                Value::Array(records) if !records.is_empty() => all.extend(records),
                _ => break,
            }
            iterator = page["NextShardIterator"].take();
        }
    }
    Ok(all)
}

async fn call(stack: &Stack, operation: &str, body: &Value) -> Result<Value> {
    let target = format!("DynamoDBStreams_20120810.{operation}");
    let request = Request::post("/").header("x-amz-target", target).body(Bytes::from(body.to_string()))?;
    let answer = stack.aws().handle(request).await;
    ensure!(answer.status().is_success(), "{operation}: {}", String::from_utf8_lossy(answer.body()));
    Ok(serde_json::from_slice(answer.body())?)
}

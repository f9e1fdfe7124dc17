//! DynamoDB Streams: several shards, each with its own order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use cellstack_emulator::{Aws, StartingPosition, StreamMapping, function_fn};
use serde_json::{Value, json};

use crate::contract;
use crate::functions::{failing_on, succeeding, word};
use crate::stack::{Stack, sleep};
use crate::streams::{call, stream_arn};

contract! {
    everywhere {}
    embedded {
        a_partition_key_has_one_shard_and_its_order: "the number of shards is AWS's own to choose"
        shards_are_described_page_by_page: "the number of shards is AWS's own to choose"
        each_shard_has_one_batch_at_once: "needs a function in process and a known number of shards"
        a_shard_that_fails_holds_up_no_other: "needs a function in process and a known number of shards"
        a_mapping_goes_on_from_its_checkpoint: "needs the embedded mapping's handle"
    }
}

const SHARDS: usize = 3;

async fn sharded() -> (Stack, String) {
    let stack = Stack::built(Aws::builder().seed(1).stream_shards(SHARDS));
    let table = stack.table().await;
    (stack, table)
}

/// Writes `count` items of each of the partition keys, in turn.
async fn write(stack: &Stack, table: &str, partitions: usize, count: usize) {
    for sk in 0..count {
        for pk in 0..partitions {
            stack.put(table, &format!("t{pk}"), &format!("t{pk}.{sk}"), "v").await;
        }
    }
}

async fn shards(stack: &Stack, table: &str) -> Vec<Value> {
    let arn = stream_arn(stack, table).await;
    let described = call(stack, "DescribeStream", json!({ "StreamArn": arn })).await;
    described["StreamDescription"]["Shards"].as_array().unwrap().clone()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Processing>
async fn a_partition_key_has_one_shard_and_its_order(_: Stack) {
    let (stack, table) = sharded().await;
    write(&stack, &table, 9, 4).await;
    let arn = stream_arn(&stack, &table).await;
    let (mut homes, mut numbers, mut seen) = (BTreeMap::new(), BTreeSet::new(), 0);
    for (shard, description) in shards(&stack, &table).await.iter().enumerate() {
        let from = json!({ "StreamArn": arn, "ShardId": description["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        let iterator = call(&stack, "GetShardIterator", from).await["ShardIterator"].take();
        let response = call(&stack, "GetRecords", json!({ "ShardIterator": iterator })).await;
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        for record in response["Records"].as_array().unwrap() {
            let keys = &record["dynamodb"]["Keys"];
            let pk = keys["pk"]["S"].as_str().unwrap().to_string();
            assert_eq!(*homes.entry(pk.clone()).or_insert(shard), shard, "{pk} is in two shards");
            let sk = keys["sk"]["S"].as_str().unwrap().to_string();
            assert!(last.insert(pk, sk.clone()).is_none_or(|before| before < sk), "{sk} came late");
            assert!(numbers.insert(record["dynamodb"]["SequenceNumber"].to_string()));
            seen += 1;
        }
        // The following records are of this shard, too.
        let next = call(&stack, "GetRecords", json!({ "ShardIterator": response["NextShardIterator"] })).await;
        assert_eq!(next["Records"], json!([]));
    }
    assert_eq!((homes.len(), seen), (9, 36));
    assert_eq!(homes.values().collect::<BTreeSet<_>>().len(), SHARDS, "{homes:?}");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html>
async fn shards_are_described_page_by_page(_: Stack) {
    let (stack, table) = sharded().await;
    let arn = stream_arn(&stack, &table).await;
    let (mut ids, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({ "StreamArn": arn, "Limit": 2 });
        if !after.is_null() {
            request["ExclusiveStartShardId"] = after;
        }
        let mut described = call(&stack, "DescribeStream", request).await["StreamDescription"].take();
        ids.extend(described["Shards"].as_array().unwrap().iter().map(|shard| shard["ShardId"].clone()));
        after = described["LastEvaluatedShardId"].take();
        if after.is_null() {
            break;
        }
    }
    let all: Vec<_> = shards(&stack, &table).await.iter().map(|shard| shard["ShardId"].clone()).collect();
    assert_eq!((ids.len(), ids), (SHARDS, all));
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
async fn each_shard_has_one_batch_at_once(_: Stack) {
    let (stack, table) = sharded().await;
    write(&stack, &table, 9, 4).await;
    let running = std::sync::Arc::new(std::sync::Mutex::new((BTreeSet::new(), 0)));
    let seen = running.clone();
    let function = function_fn(move |payload: Bytes| {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let batch: BTreeSet<_> =
            event["Records"].as_array().unwrap().iter().map(|r| word(r)[..2].to_string()).collect();
        let seen = seen.clone();
        async move {
            {
                let (now, most) = &mut *seen.lock().unwrap();
                assert!(now.is_disjoint(&batch), "two batches have {batch:?}");
                now.extend(batch.iter().cloned());
                *most = now.len().max(*most);
            }
            sleep(1).await;
            seen.lock().unwrap().0.retain(|pk| !batch.contains(pk));
            Ok(Bytes::from_static(b"null"))
        }
    });
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.batch_size = 12;
    let handle = stack.aws().map_stream(mapping, function).unwrap();
    assert_eq!(handle.lag(), 36);
    sleep(20).await;
    assert_eq!(handle.lag(), 0);
    assert_eq!(running.lock().unwrap().1, 9, "all shards had a batch at once");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
async fn a_shard_that_fails_holds_up_no_other(_: Stack) {
    let (stack, table) = sharded().await;
    write(&stack, &table, 9, 2).await;
    let (function, invocations) = failing_on(&["t0.0"]);
    let mapping = stack.aws().map_stream(StreamMapping::new(&table, "f"), function).unwrap();
    sleep(30).await;
    let tries: Vec<_> = invocations.words();
    let stuck: BTreeSet<_> = tries.iter().filter(|batch| batch.contains(&"t0.0".into())).flatten().cloned().collect();
    let all: BTreeSet<_> = tries.iter().flatten().cloned().collect();
    assert_eq!(all.len(), 18);
    assert!(stuck.len() < 18, "{stuck:?}");
    assert_eq!(mapping.lag(), stuck.len() as u64, "the rest is done with");
}

/// Several shards share one checkpoint here: every record behind it is finished.
async fn a_mapping_goes_on_from_its_checkpoint(_: Stack) {
    let (stack, table) = sharded().await;
    write(&stack, &table, 9, 2).await;
    let (function, _) = succeeding();
    let first = stack.aws().map_stream(StreamMapping::new(&table, "f"), function).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let checkpoint = first.checkpoint().unwrap();
    first.stop().await;
    write(&stack, &table, 9, 1).await;
    stack.put(&table, "late", "late", "v").await;
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.starting_position = StartingPosition::After(checkpoint);
    let (function, invocations) = succeeding();
    let _second = stack.aws().map_stream(mapping, function).unwrap();
    sleep(1).await;
    let words: Vec<_> = invocations.words().into_iter().flatten().collect();
    assert_eq!(words, ["late"], "what was rewritten unchanged left no record, what was done came no more");
}

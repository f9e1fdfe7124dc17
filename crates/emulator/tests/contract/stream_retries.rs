//! Event source mapping of a stream: failures of the function.

use std::time::Duration;

use cellstack_emulator::{Fault, FaultKind, FunctionError, StreamMapping, function_fn};
use serde_json::Value;

use crate::contract;
use crate::functions::{Invocations, failing_on, function, reporting, word};
use crate::stack::{Queue, Stack, sleep};

contract! {
    everywhere {}
    embedded {
        a_failed_batch_is_tried_again_as_a_whole: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        the_lowest_failed_record_is_where_it_goes_on: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        an_invalid_report_fails_the_whole_batch: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        a_report_that_was_not_asked_for_is_ignored: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        bisecting_isolates_the_poison: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        a_split_is_no_retry: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        what_is_discarded_is_reported_to_the_destination: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        old_records_are_discarded: "MiniStack ignores partial batches, bisecting and retry limits, and needs a function in process"
        a_failing_record_blocks_its_shard_for_a_day_unless_limited: "needs paused time"
        throttles_do_not_count_as_retries: "needs injected throttles"
        a_timeout_and_a_panic_are_function_errors: "needs a function that hangs or panics"
        retries_back_off: "needs paused time"
        a_mapping_stopped_while_it_retries_keeps_its_checkpoint: "needs the embedded mapping's handle"
    }
}

/// Creates a table with these items, and a queue for discarded records.
async fn prepare(stack: &Stack, keys: &[&str]) -> (StreamMapping, Queue) {
    let table = stack.table().await;
    for sk in keys {
        stack.put(&table, "t", sk, "v").await;
    }
    let dead = stack.queue("stream-dead", &[]).await;
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.on_failure = Some(dead.arn.clone());
    mapping.max_retries = Some(2);
    (mapping, dead)
}

async fn run(
    stack: &Stack,
    mapping: StreamMapping,
    (function, invocations): (std::sync::Arc<dyn cellstack_emulator::Function>, Invocations),
) -> Invocations {
    let handle = stack.aws().map_stream(mapping, function).unwrap();
    sleep(600).await;
    handle.stop().await;
    invocations
}

async fn discarded(stack: &Stack, dead: &Queue) -> Vec<Value> {
    let messages = stack.receive(dead).await;
    messages.iter().map(|m| serde_json::from_str(m.body().unwrap()).unwrap()).collect()
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
async fn a_failed_batch_is_tried_again_as_a_whole(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["1", "2", "3"]).await;
    mapping.batch_size = 2;
    let invocations = run(&stack, mapping, failing_on(&["2"])).await;
    assert_eq!(invocations.lines(), ["1 2", "1 2", "1 2", "3"]);
    assert_eq!(discarded(&stack, &dead).await[0]["DDBStreamBatchInfo"]["batchSize"], 2);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
async fn the_lowest_failed_record_is_where_it_goes_on(stack: Stack) {
    let (mut mapping, _) = prepare(&stack, &["1", "2", "3", "4"]).await;
    mapping.report_batch_item_failures = true;
    let first = std::sync::atomic::AtomicBool::new(true);
    let once = function(move |batch| {
        if !first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return Ok(r#"{"batchItemFailures":[]}"#.into());
        }
        // In any order: the lowest counts, and what follows comes again though it did not fail.
        let failed = [&batch[3], &batch[1]].map(crate::functions::identifier);
        let failures = failed.map(|id| serde_json::json!({ "itemIdentifier": id }));
        Ok(serde_json::json!({ "batchItemFailures": failures }).to_string())
    });
    let invocations = run(&stack, mapping, once).await;
    assert_eq!(invocations.lines(), ["1 2 3 4", "2 3 4"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html#services-ddb-batchfailurereporting-conditions>
async fn an_invalid_report_fails_the_whole_batch(stack: Stack) {
    for response in [
        r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
        r#"{"batchItemFailures":[{"wrong":"key"}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":"100000000000000000000"}]}"#,
        "nonsense",
    ] {
        let table = stack.table_named(&format!("table-{}", response.len())).await;
        for sk in ["1", "2"] {
            stack.put(&table, "t", sk, "v").await;
        }
        let mut mapping = StreamMapping::new(&table, "f");
        mapping.max_retries = Some(1);
        mapping.report_batch_item_failures = true;
        let invocations = run(&stack, mapping, function(move |_| Ok(response.into()))).await;
        assert_eq!(invocations.lines(), ["1 2", "1 2"], "{response}");
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
async fn a_report_that_was_not_asked_for_is_ignored(stack: Stack) {
    let (mapping, _) = prepare(&stack, &["1", "2"]).await;
    assert_eq!(run(&stack, mapping, reporting(&["2"])).await.lines(), ["1 2"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
async fn bisecting_isolates_the_poison(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["1", "2", "3", "4", "5", "6", "7", "8"]).await;
    mapping.bisect_batch_on_function_error = true;
    let invocations = run(&stack, mapping, failing_on(&["6"])).await;
    let succeeded = invocations.words().into_iter().filter(|batch| !batch.contains(&"6".to_string()));
    let mut delivered: Vec<_> = succeeded.flatten().collect();
    let order = delivered.clone();
    delivered.sort();
    assert_eq!(delivered, ["1", "2", "3", "4", "5", "7", "8"]);
    assert_eq!(order, delivered, "in order");
    let discarded = discarded(&stack, &dead).await;
    assert_eq!(discarded.len(), 1);
    assert_eq!(discarded[0]["DDBStreamBatchInfo"]["batchSize"], 1);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>: "Splitting a batch does not count
/// towards the retry quota"
async fn a_split_is_no_retry(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["1", "2", "3", "4"]).await;
    mapping.bisect_batch_on_function_error = true;
    mapping.max_retries = Some(0);
    let invocations = run(&stack, mapping, failing_on(&["4"])).await;
    assert_eq!(invocations.lines(), ["1 2 3 4", "1 2", "3 4", "3", "4"]);
    assert_eq!(discarded(&stack, &dead).await.len(), 1);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
async fn what_is_discarded_is_reported_to_the_destination(stack: Stack) {
    let (mapping, dead) = prepare(&stack, &["1", "2"]).await;
    let stream = stack.dynamodb.describe_table().table_name(&mapping.table).send().await.unwrap();
    let stream = stream.table.unwrap().latest_stream_arn.unwrap();
    let invocations = run(&stack, mapping, failing_on(&["1", "2"])).await;
    let number = |n: usize| invocations.batches()[0][n]["dynamodb"]["SequenceNumber"].clone();
    let told = discarded(&stack, &dead).await.remove(0);
    assert_eq!(told["version"], "1.0");
    let request = &told["requestContext"];
    assert_eq!(request["condition"], "RetryAttemptsExhausted");
    assert_eq!(request["approximateInvokeCount"], 3);
    assert_eq!(request["functionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f");
    assert_eq!(told["responseContext"]["functionError"], "Unhandled");
    let batch = &told["DDBStreamBatchInfo"];
    assert_eq!(batch["startSequenceNumber"], number(0));
    assert_eq!(batch["endSequenceNumber"], number(1));
    assert_eq!(batch["batchSize"], 2);
    assert_eq!(batch["streamArn"], stream);
    assert!(batch["shardId"].as_str().unwrap().starts_with("shardId-"));
    assert!(batch["approximateArrivalOfFirstRecord"].as_str().unwrap().ends_with('Z'));
    // The place of the records, not the records.
    assert!(told.get("payload").is_none());
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
async fn old_records_are_discarded(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["1"]).await;
    mapping.max_retries = None;
    mapping.max_record_age = Some(Duration::from_secs(300));
    let table = mapping.table.clone();
    let (function, invocations) = failing_on(&["1"]);
    let _handle = stack.aws().map_stream(mapping, function).unwrap();
    sleep(200).await;
    stack.put(&table, "t", "2", "v").await;
    sleep(250).await;
    assert_eq!(invocations.lines().last().map(String::as_str), Some("2"));
    let discarded = discarded(&stack, &dead).await;
    assert_eq!(discarded.len(), 1);
    assert_eq!(discarded[0]["requestContext"]["condition"], "RecordAgeExceeded");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html>
async fn a_failing_record_blocks_its_shard_for_a_day_unless_limited(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["1"]).await;
    mapping.max_retries = None;
    let table = mapping.table.clone();
    let (function, invocations) = failing_on(&["1"]);
    let _handle = stack.aws().map_stream(mapping, function).unwrap();
    sleep(3600).await;
    stack.put(&table, "t", "2", "v").await;
    sleep(22 * 3600).await;
    assert!(!invocations.lines().contains(&"2".to_string()));
    sleep(2 * 3600).await;
    assert_eq!(invocations.lines().last().map(String::as_str), Some("2"));
    assert_eq!(discarded(&stack, &dead).await.len(), 1);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>: the retry limit "doesn't apply to service
/// errors or throttles where the batch didn't reach the function"
async fn throttles_do_not_count_as_retries(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["1"]).await;
    mapping.max_retries = Some(0);
    stack.aws().faults().inject(Fault::new("Lambda", "Invoke", FaultKind::Throttle).times(7));
    let invocations = run(&stack, mapping, crate::functions::succeeding()).await;
    assert_eq!(invocations.lines(), ["1"]);
    assert!(discarded(&stack, &dead).await.is_empty());
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html>
async fn a_timeout_and_a_panic_are_function_errors(stack: Stack) {
    let (mut mapping, dead) = prepare(&stack, &["hang", "panic", "fine"]).await;
    mapping.batch_size = 1;
    mapping.max_retries = Some(1);
    mapping.function_timeout = Duration::from_secs(3);
    let function = function_fn(|payload: bytes::Bytes| async move {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        match word(&event["Records"][0]).as_str() {
            "hang" => std::future::pending().await,
            "panic" => panic!("as the case wants"),
            _ => Ok::<_, FunctionError>(payload),
        }
    });
    let handle = stack.aws().map_stream(mapping, function).unwrap();
    sleep(60).await;
    handle.stop().await;
    assert_eq!(discarded(&stack, &dead).await.len(), 2);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html>; AWS gives no numbers.
async fn retries_back_off(stack: Stack) {
    let (mut mapping, _) = prepare(&stack, &["1"]).await;
    mapping.max_retries = Some(10);
    let invocations = run(&stack, mapping, failing_on(&["1"])).await;
    let times = invocations.times();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 10);
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!(pauses[9] >= 30.0 && pauses[9] <= 61.0, "{pauses:?}");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
async fn a_mapping_stopped_while_it_retries_keeps_its_checkpoint(stack: Stack) {
    let (mut mapping, _) = prepare(&stack, &["1", "2", "3"]).await;
    mapping.batch_size = 1;
    mapping.max_retries = None;
    let mut next = mapping.clone();
    let (function, _) = failing_on(&["2"]);
    let handle = stack.aws().map_stream(mapping, function).unwrap();
    sleep(300).await;
    let checkpoint = handle.checkpoint().unwrap();
    let start = tokio::time::Instant::now();
    handle.stop().await;
    assert!(start.elapsed().as_secs() < 1, "it does not sit out its pause");
    next.starting_position = cellstack_emulator::StartingPosition::After(checkpoint);
    let invocations = run(&stack, next, crate::functions::succeeding()).await;
    assert_eq!(invocations.lines(), ["2", "3"]);
}

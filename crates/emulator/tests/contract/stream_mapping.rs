//! Event source mapping of a stream: batches, filters, order.

use std::time::Duration;

use cellstack_emulator::{StartingPosition, StreamMapping};
use serde_json::json;

use crate::contract;
use crate::functions::succeeding;
use crate::stack::{Stack, key, sleep};

contract! {
    everywhere {}
    embedded {
        the_event_is_the_one_lambda_delivers: "needs a function in process; MiniStack is not trusted with streams"
        a_batch_has_at_most_its_size_in_order: "needs a function in process; MiniStack is not trusted with streams"
        a_window_gathers_records: "needs paused time"
        a_full_batch_does_not_wait_for_its_window: "needs paused time"
        a_payload_has_at_most_six_megabytes: "needs a function in process; MiniStack is not trusted with streams"
        a_filter_keeps_records_from_the_function: "needs a function in process; MiniStack knows some operators only"
        what_is_filtered_out_moves_the_checkpoint: "looks at the embedded mapping's checkpoint"
        a_mapping_begins_at_the_trim_horizon_or_at_the_latest: "needs a function in process; MiniStack is not trusted with streams"
        parallel_batches_keep_the_order_of_an_item: "needs a function in process; MiniStack is not trusted with streams"
        a_disabled_mapping_goes_on_where_it_was: "needs the embedded mapping's handle"
        two_mappings_read_the_same_stream: "needs a function in process; MiniStack is not trusted with streams"
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
async fn the_event_is_the_one_lambda_delivers(stack: Stack) {
    let table = stack.table().await;
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(StreamMapping::new(&table, "f"), function).unwrap();
    stack.put(&table, "t", "e", "one").await;
    stack.put(&table, "t", "e", "two").await;
    let delete = stack.dynamodb.delete_item().table_name(&table).set_key(Some(key("t", "e")));
    delete.send().await.unwrap();
    sleep(1).await;
    let records: Vec<_> = invocations.batches().into_iter().flatten().collect();
    let event: aws_lambda_events::event::dynamodb::Event =
        serde_json::from_value(json!({ "Records": records })).unwrap();
    let names: Vec<_> = event.records.iter().map(|r| r.event_name.as_str()).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    let record = &records[1];
    assert_eq!(record["eventVersion"], "1.1");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["dynamodb"]["Keys"], json!({"pk": {"S": "t"}, "sk": {"S": "e"}}));
    assert_eq!(record["dynamodb"]["OldImage"]["v"], json!({"S": "one"}));
    assert_eq!(record["dynamodb"]["NewImage"]["v"], json!({"S": "two"}));
    assert_eq!(record["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert!(record["dynamodb"]["ApproximateCreationDateTime"].is_number());
    let arn = record["eventSourceARN"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/table/stream/"), "{arn}");
    assert_eq!(record["eventID"].as_str().unwrap().len(), 32);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
async fn a_batch_has_at_most_its_size_in_order(stack: Stack) {
    let table = stack.table().await;
    for sk in ["1", "2", "3", "4", "5"] {
        stack.put(&table, "t", sk, "v").await;
    }
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.batch_size = 2;
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(mapping, function).unwrap();
    sleep(1).await;
    assert_eq!(invocations.lines(), ["1 2", "3 4", "5"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>
async fn a_window_gathers_records(stack: Stack) {
    let table = stack.table().await;
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.window = Duration::from_secs(10);
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(mapping, function).unwrap();
    for sk in ["1", "2", "3"] {
        stack.put(&table, "t", sk, "v").await;
        sleep(4).await;
    }
    // The window began with the first record.
    assert_eq!(invocations.lines(), ["1 2 3"]);
    assert!((10.0..10.1).contains(&invocations.times()[0]));
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>
async fn a_full_batch_does_not_wait_for_its_window(stack: Stack) {
    let table = stack.table().await;
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.window = Duration::from_secs(300);
    mapping.batch_size = 2;
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(mapping, function).unwrap();
    for sk in ["1", "2", "3"] {
        stack.put(&table, "t", sk, "v").await;
    }
    sleep(1).await;
    assert_eq!(invocations.lines(), ["1 2"]);
    sleep(300).await;
    assert_eq!(invocations.lines(), ["1 2", "3"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>
async fn a_payload_has_at_most_six_megabytes(stack: Stack) {
    let table = stack.table().await;
    let large = "x".repeat(390_000);
    for n in 0..20 {
        stack.put(&table, "t", &format!("{n:02}"), &large).await;
    }
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(StreamMapping::new(&table, "f"), function).unwrap();
    sleep(1).await;
    let sizes: Vec<_> = invocations.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 20);
    for batch in invocations.batches() {
        assert!(json!({ "Records": batch }).to_string().len() <= 6 * 1024 * 1024);
    }
    assert!(sizes[0] >= 15, "{sizes:?}");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html>
async fn a_filter_keeps_records_from_the_function(stack: Stack) {
    let table = stack.table().await;
    let patterns = [
        (
            r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"sk":{"S":[{"prefix":"event#"}]},"v":{"S":["accepted"]}}}}"#,
            "event#1",
        ),
        (r#"{"dynamodb":{"NewImage":{"v":{"S":[{"anything-but":["accepted"]}]}}}}"#, "event#2 total"),
        (r#"{"dynamodb":{"NewImage":{"v":{"S":[{"exists":false}]}}}}"#, "event#1"),
        (r#"{"eventName":["REMOVE","MODIFY"]}"#, "event#1"),
        (r#"{"userIdentity":{"type":["Service"]}}"#, ""),
    ];
    let mut mappings = Vec::new();
    for (pattern, expected) in patterns {
        let mut mapping = StreamMapping::new(&table, "f");
        mapping.filters = vec![pattern.into()];
        let (function, invocations) = succeeding();
        mappings.push((stack.aws().map_stream(mapping, function).unwrap(), pattern, invocations, expected));
    }
    stack.put(&table, "t", "event#1", "accepted").await;
    stack.put(&table, "t", "event#2", "carried").await;
    stack.put(&table, "t", "total", "1").await;
    let delete = stack.dynamodb.delete_item().table_name(&table).set_key(Some(key("t", "event#1")));
    delete.send().await.unwrap();
    sleep(1).await;
    for (_mapping, pattern, invocations, expected) in mappings {
        assert_eq!(invocations.lines().join(" "), expected, "{pattern}");
    }
    // Any of several patterns is enough.
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.filters =
        vec![r#"{"eventName":["REMOVE"]}"#.into(), r#"{"dynamodb":{"Keys":{"sk":{"S":["total"]}}}}"#.into()];
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(mapping, function).unwrap();
    sleep(1).await;
    assert_eq!(invocations.lines().join(" "), "total event#1");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>
async fn what_is_filtered_out_moves_the_checkpoint(stack: Stack) {
    let table = stack.table().await;
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.filters = vec![r#"{"eventName":["REMOVE"]}"#.into()];
    let (function, invocations) = succeeding();
    let mapping = stack.aws().map_stream(mapping, function).unwrap();
    let before = mapping.checkpoint();
    stack.put(&table, "t", "e", "v").await;
    sleep(1).await;
    assert!(mapping.checkpoint() > before);
    assert!(invocations.lines().is_empty());
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
async fn a_mapping_begins_at_the_trim_horizon_or_at_the_latest(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "t", "before", "v").await;
    let (all, all_invocations) = succeeding();
    let _all = stack.aws().map_stream(StreamMapping::new(&table, "all"), all).unwrap();
    let mut mapping = StreamMapping::new(&table, "new");
    mapping.starting_position = StartingPosition::Latest;
    let (new, new_invocations) = succeeding();
    let _new = stack.aws().map_stream(mapping, new).unwrap();
    stack.put(&table, "t", "after", "v").await;
    sleep(1).await;
    assert_eq!(all_invocations.lines().join(" "), "before after");
    assert_eq!(new_invocations.lines(), ["after"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>
async fn parallel_batches_keep_the_order_of_an_item(stack: Stack) {
    let table = stack.table().await;
    for v in 0..5 {
        for pk in 0..8 {
            stack.put(&table, &format!("t{pk}"), "e", &v.to_string()).await;
        }
    }
    let mut mapping = StreamMapping::new(&table, "f");
    mapping.parallelization_factor = 4;
    mapping.batch_size = 3;
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_stream(mapping, function).unwrap();
    sleep(1).await;
    let records: Vec<_> = invocations.batches().into_iter().flatten().collect();
    assert_eq!(records.len(), 40);
    for pk in 0..8 {
        let of_item = records.iter().filter(|r| r["dynamodb"]["Keys"]["pk"]["S"] == format!("t{pk}"));
        let versions: Vec<_> = of_item.map(|r| r["dynamodb"]["NewImage"]["v"]["S"].as_str().unwrap()).collect();
        assert_eq!(versions, ["0", "1", "2", "3", "4"]);
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>
async fn a_disabled_mapping_goes_on_where_it_was(stack: Stack) {
    let table = stack.table().await;
    let (function, invocations) = succeeding();
    let mapping = stack.aws().map_stream(StreamMapping::new(&table, "f"), function).unwrap();
    stack.put(&table, "t", "1", "v").await;
    sleep(1).await;
    mapping.disable();
    sleep(1).await;
    stack.put(&table, "t", "2", "v").await;
    sleep(60).await;
    assert_eq!(invocations.lines(), ["1"]);
    mapping.enable();
    sleep(1).await;
    assert_eq!(invocations.lines(), ["1", "2"]);
    let checkpoint = mapping.checkpoint().unwrap();
    mapping.stop().await;
    stack.put(&table, "t", "3", "v").await;
    let mut next = StreamMapping::new(&table, "f");
    next.starting_position = StartingPosition::After(checkpoint);
    let (function, invocations) = succeeding();
    let _next = stack.aws().map_stream(next, function).unwrap();
    sleep(1).await;
    assert_eq!(invocations.lines(), ["3"]);
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.html>
async fn two_mappings_read_the_same_stream(stack: Stack) {
    let table = stack.table().await;
    let (one, ones) = succeeding();
    let (two, twos) = succeeding();
    let _one = stack.aws().map_stream(StreamMapping::new(&table, "one"), one).unwrap();
    let _two = stack.aws().map_stream(StreamMapping::new(&table, "two"), two).unwrap();
    stack.put(&table, "t", "e", "v").await;
    sleep(1).await;
    assert_eq!((ones.lines(), twos.lines()), (vec!["e".to_string()], vec!["e".to_string()]));
}

//! DynamoDB Streams: the records, their order, and ways to read them.

use aws_sdk_dynamodb::types::{Delete, TimeToLiveSpecification, TransactWriteItem};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::contract;
use crate::stack::{Stack, Streams, item, key, sleep};

contract! {
    everywhere {}
    embedded {
        each_change_is_one_record_with_its_images: "MiniStack is not trusted with streams"
        a_write_that_changes_nothing_leaves_no_record: "MiniStack is not trusted with streams"
        a_transaction_leaves_a_record_an_item: "MiniStack is not trusted with streams"
        iterators_begin_where_they_say: "MiniStack is not trusted with streams"
        records_are_kept_for_a_day: "needs paused time"
        a_ttl_deletion_names_the_service: "needs the embedded stack's sweep"
        arns_name_region_and_account: "looks at the embedded stack's own settings"
    }
}

/// Makes a call of the streams API.
pub(crate) async fn call(stack: &Stack, operation: &str, body: Value) -> Value {
    let Streams::Embedded(aws) = &stack.streams else { panic!("embedded only") };
    let request = http(operation, &body);
    let response = aws.handle(request).await;
    let found = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(response.status(), 200, "{operation} {body}: {found}");
    found
}

fn http(operation: &str, body: &Value) -> http::Request<Bytes> {
    http::Request::post("/")
        .header("x-amz-target", format!("DynamoDBStreams_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

pub(crate) async fn stream_arn(stack: &Stack, table: &str) -> String {
    let described = stack.dynamodb.describe_table().table_name(table).send().await.unwrap();
    described.table.unwrap().latest_stream_arn.unwrap()
}

async fn iterator(stack: &Stack, table: &str, kind: &str, number: Option<&str>) -> String {
    let arn = stream_arn(stack, table).await;
    let described = call(stack, "DescribeStream", json!({ "StreamArn": arn })).await;
    let mut request = json!({
        "StreamArn": arn,
        "ShardId": described["StreamDescription"]["Shards"][0]["ShardId"],
        "ShardIteratorType": kind,
    });
    if let Some(number) = number {
        request["SequenceNumber"] = json!(number);
    }
    let response = call(stack, "GetShardIterator", request).await;
    response["ShardIterator"].as_str().unwrap().to_string()
}

async fn records(stack: &Stack, table: &str) -> Vec<Value> {
    let iterator = iterator(stack, table, "TRIM_HORIZON", None).await;
    let response = call(stack, "GetRecords", json!({ "ShardIterator": iterator })).await;
    response["Records"].as_array().unwrap().clone()
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html>
async fn each_change_is_one_record_with_its_images(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "t", "e", "one").await;
    stack.put(&table, "t", "e", "two").await;
    let delete = stack.dynamodb.delete_item().table_name(&table).set_key(Some(key("t", "e")));
    delete.send().await.unwrap();
    let records = records(&stack, &table).await;
    let names: Vec<_> = records.iter().map(|r| r["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    let image = |v: &str| json!({"pk": {"S": "t"}, "sk": {"S": "e"}, "v": {"S": v}});
    let images: Vec<_> =
        records.iter().map(|r| (r["dynamodb"]["OldImage"].clone(), r["dynamodb"]["NewImage"].clone())).collect();
    let expected = [(Value::Null, image("one")), (image("one"), image("two")), (image("two"), Value::Null)];
    assert_eq!(images, expected);
    for record in &records {
        assert_eq!(record["dynamodb"]["Keys"], json!({"pk": {"S": "t"}, "sk": {"S": "e"}}));
        assert_eq!(record["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
        assert_eq!(record["eventSource"], "aws:dynamodb");
    }
    let numbers: Vec<_> = records.iter().map(|r| r["dynamodb"]["SequenceNumber"].as_str().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] != numbers[1], "{numbers:?}");
    assert!(numbers.iter().all(|n| (21..=40).contains(&n.len())), "{numbers:?}");
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
async fn a_write_that_changes_nothing_leaves_no_record(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "t", "e", "same").await;
    stack.put(&table, "t", "e", "same").await;
    let delete = stack.dynamodb.delete_item().table_name(&table).set_key(Some(key("t", "missing")));
    delete.send().await.unwrap();
    assert_eq!(records(&stack, &table).await.len(), 1);
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
async fn a_transaction_leaves_a_record_an_item(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "a", "x", "v").await;
    let delete = Delete::builder().table_name(&table).set_key(Some(key("a", "x"))).build().unwrap();
    let put = aws_sdk_dynamodb::types::Put::builder().table_name(&table).set_item(Some(item("b", "x", "v")));
    let transaction = stack
        .dynamodb
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().delete(delete).build())
        .transact_items(TransactWriteItem::builder().put(put.build().unwrap()).build());
    transaction.send().await.unwrap();
    let records = records(&stack, &table).await;
    let mut names: Vec<_> = records[1..].iter().map(|r| r["eventName"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["INSERT", "REMOVE"]);
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html>
async fn iterators_begin_where_they_say(stack: Stack) {
    let table = stack.table().await;
    for sk in ["1", "2"] {
        stack.put(&table, "t", sk, "v").await;
    }
    let all = records(&stack, &table).await;
    let first = all[0]["dynamodb"]["SequenceNumber"].as_str().unwrap().to_string();
    let latest = iterator(&stack, &table, "LATEST", None).await;
    let at = iterator(&stack, &table, "AT_SEQUENCE_NUMBER", Some(&first)).await;
    let after = iterator(&stack, &table, "AFTER_SEQUENCE_NUMBER", Some(&first)).await;
    stack.put(&table, "t", "3", "v").await;
    for (iterator, expected) in [(latest, 1), (at, 3), (after, 2)] {
        let response = call(&stack, "GetRecords", json!({ "ShardIterator": iterator, "Limit": 1 })).await;
        assert_eq!(response["Records"].as_array().unwrap().len(), 1);
        let rest = json!({ "ShardIterator": response["NextShardIterator"] });
        let rest = call(&stack, "GetRecords", rest).await;
        assert_eq!(rest["Records"].as_array().unwrap().len(), expected - 1);
    }
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
async fn records_are_kept_for_a_day(stack: Stack) {
    let table = stack.table().await;
    stack.put(&table, "t", "1", "v").await;
    sleep(23 * 3600).await;
    stack.put(&table, "t", "2", "v").await;
    assert_eq!(records(&stack, &table).await.len(), 2);
    sleep(2 * 3600).await;
    assert_eq!(records(&stack, &table).await.len(), 1);
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html>
async fn a_ttl_deletion_names_the_service(stack: Stack) {
    let table = stack.table().await;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at").build().unwrap();
    let update = stack.dynamodb.update_time_to_live().table_name(&table);
    update.time_to_live_specification(ttl).send().await.unwrap();
    let mut expired = item("t", "e", "v");
    let then = aws_sdk_dynamodb::types::AttributeValue::N("1700000000".into());
    // An item older than five years counts as never expiring; this one is not.
    expired.insert("expires_at".into(), then);
    stack.dynamodb.put_item().table_name(&table).set_item(Some(expired)).send().await.unwrap();
    assert_eq!(stack.aws().sweep_ttl(), Ok(1));
    let records = records(&stack, &table).await;
    assert_eq!(records[1]["eventName"], "REMOVE");
    assert_eq!(records[1]["userIdentity"], json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}));
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html#amazondynamodb-resources-for-iam-policies>
async fn arns_name_region_and_account(stack: Stack) {
    let table = stack.table().await;
    let described = stack.dynamodb.describe_table().table_name(&table).send().await.unwrap();
    let arn = described.table.unwrap().table_arn.unwrap();
    assert_eq!(arn, format!("arn:aws:dynamodb:us-east-1:000000000000:table/{table}"));
    let stream = stream_arn(&stack, &table).await;
    assert!(stream.starts_with(&format!("{arn}/stream/")), "{stream}");
    let listed = call(&stack, "ListStreams", json!({ "TableName": table })).await;
    assert_eq!(listed["Streams"][0]["StreamArn"], stream);
    stack.put(&table, "t", "e", "v").await;
    assert_eq!(records(&stack, &table).await[0]["awsRegion"], "us-east-1");
}

//! Events per second over the whole path: PutItem, stream, PublishBatch, queue, a transaction of two updates.
//!
//! `cargo run --profile bench -p cellstack-emulator --example throughput -- 20000`

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType, TransactWriteItem, Update,
};
use aws_sdk_sns::types::PublishBatchRequestEntry;
use bytes::Bytes;
use cellstack_emulator::{Aws, FunctionError, QueueMapping, StreamMapping, function_fn};
use serde_json::Value;

const CELLS: usize = 3;
const SENDERS: usize = 32;
const TENANTS: usize = 50;

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn main() {
    let events: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let aws = Aws::builder().build();
    let done = Arc::new(AtomicUsize::new(0));
    let mut mappings = Vec::new();
    for cell in 0..CELLS {
        mappings.extend(build_cell(&aws, cell, done.clone()).await);
    }
    let client = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    let start = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let (client, next) = (client.clone(), next.clone());
        senders.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= events {
                    return;
                }
                let tenant = n % TENANTS;
                client
                    .put_item()
                    .table_name(format!("cell-{}", tenant % CELLS))
                    .item("tenant_id", AttributeValue::S(format!("tenant-{tenant}")))
                    .item("sk", AttributeValue::S(format!("event#{n:08}")))
                    .item("type", AttributeValue::S("order.placed".into()))
                    .item("data", AttributeValue::S(format!("{{\"amount\":{n},\"note\":\"{:0>200}\"}}", n)))
                    .item("status", AttributeValue::S("accepted".into()))
                    .condition_expression("attribute_not_exists(sk)")
                    .send()
                    .await
                    .unwrap();
            }
        });
    }
    while senders.join_next().await.is_some() {}
    let accepted = start.elapsed();
    while done.load(Ordering::Relaxed) < events {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let all = start.elapsed();
    println!(
        "{events} events: accepted in {:.2} s ({:.0}/s), processed in {:.2} s ({:.0}/s)",
        accepted.as_secs_f64(),
        events as f64 / accepted.as_secs_f64(),
        all.as_secs_f64(),
        events as f64 / all.as_secs_f64()
    );
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!("{}", peak.unwrap_or_default());
    }
}

async fn build_cell(aws: &Aws, cell: usize, done: Arc<AtomicUsize>) -> [cellstack_emulator::MappingHandle; 2] {
    let config = aws.sdk_config();
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sns = aws_sdk_sns::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let table = format!("cell-{cell}");
    let attribute = |name: &str| {
        let builder = AttributeDefinition::builder().attribute_name(name);
        builder.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| {
        let builder = KeySchemaElement::builder().attribute_name(name);
        builder.key_type(kind).build().unwrap()
    };
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    dynamodb
        .create_table()
        .table_name(&table)
        .attribute_definitions(attribute("tenant_id"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("tenant_id", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.build().unwrap())
        .send()
        .await
        .unwrap();
    let topic = sns.create_topic().name(&table).send().await.unwrap();
    let topic = topic.topic_arn.unwrap();
    sqs.create_queue().queue_name(&table).send().await.unwrap();
    sns.subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(format!("arn:aws:sqs:us-east-1:000000000000:{table}"))
        .attributes("RawMessageDelivery", "true")
        .send()
        .await
        .unwrap();
    let publisher = function_fn(move |payload: Bytes| {
        let (sns, topic) = (sns.clone(), topic.clone());
        async move { publish(&sns, &topic, &payload).await }
    });
    let mut mapping = StreamMapping::new(&table, "producer");
    mapping.filters = vec![
        r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"sk":{"S":[{"prefix":"event#"}]},"status":{"S":["accepted"]}}}}"#.into(),
    ];
    let stream = aws.map_stream(mapping, publisher).unwrap();
    let consumer_table = table.clone();
    let consumer = function_fn(move |payload: Bytes| {
        let (dynamodb, table, done) = (dynamodb.clone(), consumer_table.clone(), done.clone());
        async move { process(&dynamodb, &table, &payload, &done).await }
    });
    let mut mapping = QueueMapping::new(&table, "consumer");
    mapping.max_concurrency = Some(10);
    [stream, aws.map_queue(mapping, consumer).unwrap()]
}

async fn publish(sns: &aws_sdk_sns::Client, topic: &str, payload: &Bytes) -> Result<Bytes, FunctionError> {
    let event: Value = serde_json::from_slice(payload).unwrap();
    for chunk in event["Records"].as_array().unwrap().chunks(10) {
        let entries = chunk.iter().enumerate().map(|(n, record)| {
            let image = &record["dynamodb"]["NewImage"];
            let builder = PublishBatchRequestEntry::builder().id(n.to_string());
            builder.message(image.to_string()).build().unwrap()
        });
        let batch = sns.publish_batch().topic_arn(topic);
        let batch = batch.set_publish_batch_request_entries(Some(entries.collect()));
        let response = batch.send().await.map_err(|e| FunctionError::Handled(e.to_string()))?;
        assert!(response.failed().is_empty());
    }
    Ok(Bytes::new())
}

async fn process(
    dynamodb: &aws_sdk_dynamodb::Client,
    table: &str,
    payload: &Bytes,
    done: &AtomicUsize,
) -> Result<Bytes, FunctionError> {
    let event: Value = serde_json::from_slice(payload).unwrap();
    for record in event["Records"].as_array().unwrap() {
        let item: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
        let text = |name: &str| AttributeValue::S(item[name]["S"].as_str().unwrap().to_string());
        let mark = Update::builder()
            .table_name(table)
            .key("tenant_id", text("tenant_id"))
            .key("sk", text("sk"))
            .update_expression("SET #s = :done")
            .condition_expression("#s = :accepted")
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":done", AttributeValue::S("processed".into()))
            .expression_attribute_values(":accepted", AttributeValue::S("accepted".into()));
        let total = Update::builder()
            .table_name(table)
            .key("tenant_id", text("tenant_id"))
            .key("sk", AttributeValue::S("total#order.placed".into()))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        let item = |update: aws_sdk_dynamodb::types::builders::UpdateBuilder| {
            TransactWriteItem::builder().update(update.build().unwrap()).build()
        };
        dynamodb
            .transact_write_items()
            .transact_items(item(mark))
            .transact_items(item(total))
            .send()
            .await
            .map_err(|e| FunctionError::Handled(format!("{e:?}")))?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(Bytes::new())
}

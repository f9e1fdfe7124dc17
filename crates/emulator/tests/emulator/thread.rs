//! The whole path: item, stream, mapping, function, topic, queue, mapping, function. Under paused time, in no time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_sns::types::PublishBatchRequestEntry;
use bytes::Bytes;
use cellstack_emulator::{Aws, FunctionError, Observation, QueueMapping, StreamMapping, function_fn};

#[tokio::test(start_paused = true)]
async fn an_item_travels_to_the_second_function() {
    let aws = Aws::builder().region("eu-west-1").seed(42).build();
    let config = aws.sdk_config();
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sns = aws_sdk_sns::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let mut observed = aws.observe();

    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    dynamodb
        .create_table()
        .table_name("things")
        .attribute_definitions(attribute.build().unwrap())
        .key_schema(key.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.build().unwrap())
        .send()
        .await
        .unwrap();
    let topic = sns.create_topic().name("events").send().await.unwrap();
    let topic = topic.topic_arn().unwrap().to_string();
    sqs.create_queue().queue_name("events").send().await.unwrap();
    sns.subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint("arn:aws:sqs:eu-west-1:000000000000:events")
        .attributes("RawMessageDelivery", "true")
        .send()
        .await
        .unwrap();

    let publisher = function_fn(move |payload: Bytes| {
        let (sns, topic) = (sns.clone(), topic.clone());
        async move {
            let event: Event = serde_json::from_slice(&payload).unwrap();
            let entries = event.records.iter().map(|record| {
                assert!(
                    record
                        .event_source_arn
                        .as_ref()
                        .unwrap()
                        .starts_with("arn:aws:dynamodb:eu-west-1:000000000000:table/things/stream/")
                );
                let number = record.change.sequence_number.clone().unwrap();
                let item: serde_json::Value = serde_json::to_value(&record.change.new_image).unwrap();
                let entry = PublishBatchRequestEntry::builder().id(number);
                entry.message(item["id"]["S"].as_str().unwrap_or("?")).build().unwrap()
            });
            sns.publish_batch()
                .topic_arn(&topic)
                .set_publish_batch_request_entries(Some(entries.collect()))
                .send()
                .await
                .map_err(|e| FunctionError::Handled(e.to_string()))?;
            Ok(Bytes::from_static(b"{\"batchItemFailures\":[]}"))
        }
    });
    let mut mapping = StreamMapping::new("things", "publisher");
    mapping.filters = vec![r#"{"eventName":["INSERT"]}"#.into()];
    mapping.report_batch_item_failures = true;
    let stream_mapping = aws.map_stream(mapping, publisher).unwrap();

    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = bodies.clone();
    let consumer = function_fn(move |payload: Bytes| {
        let event: SqsEvent = serde_json::from_slice(&payload).unwrap();
        let bodies = event.records.into_iter().filter_map(|r| r.body);
        seen.lock().unwrap().extend(bodies);
        async { Ok(Bytes::new()) }
    });
    let queue_mapping = aws.map_queue(QueueMapping::new("events", "consumer"), consumer).unwrap();

    for id in ["a", "b", "c"] {
        let id = AttributeValue::S(id.into());
        dynamodb.put_item().table_name("things").item("id", id).send().await.unwrap();
    }
    // A change is not an insert: the filter keeps it out.
    dynamodb
        .put_item()
        .table_name("things")
        .item("id", AttributeValue::S("a".into()))
        .item("n", AttributeValue::N("1".into()))
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stream_mapping.stop().await;
    queue_mapping.stop().await;

    assert_eq!(*bodies.lock().unwrap(), ["a", "b", "c"]);
    assert!(aws.peek_queue("events").is_empty());
    assert_eq!(aws.calls("DynamoDB", "PutItem"), 4);
    let mut deleted = 0;
    while let Ok(observation) = observed.try_recv() {
        deleted += usize::from(matches!(observation, Observation::Deleted { .. }));
    }
    assert_eq!(deleted, 3);
}

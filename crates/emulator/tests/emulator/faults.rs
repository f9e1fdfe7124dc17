//! Injected faults: the caller's view, and the effect behind it.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes, Put, PutRequest,
    ScalarAttributeType, TransactWriteItem, WriteRequest,
};
use aws_sdk_sns::types::PublishBatchRequestEntry;
use cellstack_emulator::{Aws, Entries, Fault, FaultKind, Observation};

async fn stack() -> (Aws, aws_sdk_dynamodb::Client) {
    let aws = Aws::builder().seed(3).build();
    let client = aws_sdk_dynamodb::Client::new(&aws.sdk_config());
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let create = client
        .create_table()
        .table_name("things")
        .set_attribute_definitions(attribute.build().ok().map(|a| vec![a]))
        .set_key_schema(key.build().ok().map(|k| vec![k]))
        .billing_mode(BillingMode::PayPerRequest);
    let created = create.send().await;
    assert!(created.is_ok(), "{created:?}");
    (aws, client)
}

fn put(
    client: &aws_sdk_dynamodb::Client,
    id: &str,
) -> aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder {
    let put = client.put_item().table_name("things");
    put.item("id", AttributeValue::S(id.into()))
}

async fn exists(aws: &Aws, client: &aws_sdk_dynamodb::Client, id: &str) -> bool {
    aws.faults().clear();
    let get = client.get_item().table_name("things");
    let got = get.key("id", AttributeValue::S(id.into())).send().await;
    got.is_ok_and(|got| got.item.is_some())
}

#[tokio::test(start_paused = true)]
async fn throttles_and_server_errors_are_retried_by_the_sdk() {
    let (aws, client) = stack().await;
    for kind in [FaultKind::Throttle, FaultKind::ServerError, FaultKind::Reset] {
        let before = aws.calls("DynamoDB", "PutItem");
        let fault = aws.faults().inject(Fault::new("DynamoDB", "PutItem", kind.clone()).times(2));
        put(&client, "a").send().await.unwrap();
        assert_eq!(aws.faults().hits(fault), 2, "{kind:?}");
        assert_eq!(aws.calls("DynamoDB", "PutItem"), before + 3, "{kind:?}");
    }
    aws.faults().inject(Fault::new("DynamoDB", "PutItem", FaultKind::Throttle).on("things"));
    let error = put(&client, "b").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ThrottlingException"));
    assert!(!exists(&aws, &client, "b").await);
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_with_the_callers_patience_and_only_one_kind_has_an_effect() {
    let (aws, client) = stack().await;
    for (id, kind, effect) in [
        ("a", FaultKind::Hang, false),
        ("b", FaultKind::HangAfterCommit, true),
        ("c", FaultKind::Latency(Duration::from_secs(60)), false),
    ] {
        aws.faults().inject(Fault::new("DynamoDB", "PutItem", kind.clone()));
        let call = put(&client, id).send();
        let result = tokio::time::timeout(Duration::from_secs(5), call).await;
        assert!(result.is_err(), "{kind:?}");
        assert_eq!(exists(&aws, &client, id).await, effect, "{kind:?}");
    }
    aws.faults().inject(Fault::new("DynamoDB", "PutItem", FaultKind::Latency(Duration::from_secs(2))).times(1));
    let start = tokio::time::Instant::now();
    put(&client, "d").send().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_makes_the_retry_of_a_conditional_put_fail() {
    let (aws, client) = stack().await;
    aws.faults().inject(Fault::new("DynamoDB", "PutItem", FaultKind::ResetAfterCommit).times(1));
    let put = put(&client, "a").condition_expression("attribute_not_exists(id)");
    let error = put.send().await.unwrap_err();
    assert_eq!(error.code(), Some("ConditionalCheckFailedException"));
    assert!(exists(&aws, &client, "a").await);
}

#[tokio::test(start_paused = true)]
async fn transactions_are_cancelled_as_asked() {
    let (aws, client) = stack().await;
    let transact = || {
        let item = |id: &str| {
            let put = Put::builder().table_name("things").item("id", AttributeValue::S(id.into()));
            TransactWriteItem::builder().put(put.build().unwrap()).build()
        };
        let transaction = client.transact_write_items();
        transaction.transact_items(item("a")).transact_items(item("b")).send()
    };
    let mixed = vec!["ConditionalCheckFailed".into(), "TransactionConflict".into()];
    for (kind, expected) in [
        (FaultKind::TransactionConflict, vec!["TransactionConflict", "None"]),
        (FaultKind::TransactionCanceled(mixed), vec!["ConditionalCheckFailed", "TransactionConflict"]),
    ] {
        aws.faults().inject(Fault::new("DynamoDB", "TransactWriteItems", kind));
        let error = transact().await.unwrap_err().into_service_error();
        aws.faults().clear();
        let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
            canceled,
        ) = error
        else {
            panic!("{error:?}");
        };
        let codes: Vec<_> = canceled.cancellation_reasons().iter().filter_map(|r| r.code()).collect();
        assert_eq!(codes, expected);
    }
    transact().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn batches_fail_in_part() {
    let (aws, client) = stack().await;
    let config = aws.sdk_config();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("t").send().await.unwrap();
    let topic = topic.topic_arn().unwrap();
    sqs.create_queue().queue_name("q").send().await.unwrap();
    sns.subscribe()
        .topic_arn(topic)
        .protocol("sqs")
        .endpoint("arn:aws:sqs:us-east-1:000000000000:q")
        .attributes("RawMessageDelivery", "true")
        .send()
        .await
        .unwrap();
    let partial = FaultKind::PartialFailure { from: 1 };
    aws.faults().inject(Fault::new("SNS", "PublishBatch", partial.clone()).times(1));
    let entries = ["a", "b", "c"].map(|id| {
        let entry = PublishBatchRequestEntry::builder().id(id).message(id);
        entry.build().unwrap()
    });
    let publish = sns.publish_batch().topic_arn(topic);
    let response = publish.set_publish_batch_request_entries(Some(entries.into())).send().await.unwrap();
    let failed: Vec<_> = response.failed().iter().map(|f| f.id()).collect();
    assert_eq!(failed, ["b", "c"]);
    assert!(!response.failed()[0].sender_fault());
    let bodies: Vec<_> = aws.peek_queue("q").into_iter().map(|m| m.body).collect();
    assert_eq!(bodies, ["a".into()]);

    aws.faults().inject(Fault::new("DynamoDB", "BatchWriteItem", partial));
    let requests = ["a", "b", "c"].map(|id| {
        let put = PutRequest::builder().item("id", AttributeValue::S(id.into()));
        WriteRequest::builder().put_request(put.build().unwrap()).build()
    });
    let write = client.batch_write_item().request_items("things", requests.into());
    let unprocessed = write.send().await.unwrap().unprocessed_items.unwrap();
    assert_eq!(unprocessed["things"].len(), 2);
    assert!(exists(&aws, &client, "a").await);
    assert!(!exists(&aws, &client, "b").await);
}

#[tokio::test(start_paused = true)]
async fn any_item_of_a_batch_can_be_left_out() {
    let (aws, client) = stack().await;
    let id = |id: &str| std::collections::HashMap::from([("id".to_string(), AttributeValue::S(id.into()))]);
    let some = FaultKind::EntriesFail(Entries::At(vec![0, 2]));
    let (writes, reads) = (
        aws.faults().inject(Fault::new("DynamoDB", "BatchWriteItem", some.clone())),
        aws.faults().inject(Fault::new("DynamoDB", "BatchGetItem", some)),
    );
    let requests = ["a", "b", "c"].map(|name| {
        let put = PutRequest::builder().set_item(Some(id(name)));
        WriteRequest::builder().put_request(put.build().unwrap()).build()
    });
    let write = client.batch_write_item().request_items("things", requests.to_vec()).send().await.unwrap();
    let left = &write.unprocessed_items.unwrap()["things"];
    let left: Vec<_> = left.iter().map(|r| r.put_request().unwrap().item()["id"].as_s().unwrap().as_str()).collect();
    assert_eq!(left, ["a", "c"]);
    let keys = KeysAndAttributes::builder().set_keys(Some(["a", "b", "c"].map(id).into())).consistent_read(true);
    let read = client.batch_get_item().request_items("things", keys.build().unwrap()).send().await.unwrap();
    assert_eq!(read.responses.unwrap()["things"], [id("b")]);
    let left = &read.unprocessed_keys.unwrap()["things"];
    assert_eq!((left.keys(), left.consistent_read()), (&[id("a"), id("c")][..], Some(true)));
    assert_eq!(aws.faults().all_hits(), [(writes, 1), (reads, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_refuses_gets_the_message_later_or_the_dead_letter_queue_does() {
    let (aws, _) = stack().await;
    let config = aws.sdk_config();
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("t").send().await.unwrap();
    let topic = topic.topic_arn().unwrap().to_string();
    for queue in ["q", "dead"] {
        sqs.create_queue().queue_name(queue).send().await.unwrap();
    }
    sns.subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint("arn:aws:sqs:us-east-1:000000000000:q")
        .attributes("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"}"#)
        .send()
        .await
        .unwrap();
    let publish = || sns.publish().topic_arn(&topic).message("m").send();
    let mut observed = aws.observe();

    // Throttled for an hour: SNS keeps trying.
    let throttle = aws.faults().inject(Fault::new("SQS", "SendMessage", FaultKind::Throttle).on(":q"));
    publish().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(aws.peek_queue("q").len(), 0);
    aws.faults().remove(throttle);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(aws.peek_queue("q").len(), 1);

    // A lost response makes a duplicate.
    aws.faults().inject(Fault::new("SQS", "SendMessage", FaultKind::ResetAfterCommit).times(1));
    publish().await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(aws.peek_queue("q").len(), 3);

    // A refusal for good leads to the dead-letter queue of the subscription.
    let refused = FaultKind::Error { status: 403, code: "AccessDenied".into(), message: "no".into() };
    aws.faults().inject(Fault::new("SQS", "SendMessage", refused).times(1));
    publish().await.unwrap();
    assert_eq!(aws.peek_queue("dead").len(), 1);
    let dead_letters = std::iter::from_fn(|| observed.try_recv().ok())
        .filter(|o| matches!(o, Observation::DeadLettered { queue: Some(q), .. } if **q == *"dead"));
    assert_eq!(dead_letters.count(), 1);
}

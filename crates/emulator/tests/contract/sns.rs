//! SNS: delivery to queues, filter policies, batches, dead letters.

use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry as Entry};
use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName};
use serde_json::Value;

use crate::contract;
use crate::stack::{Stack, bodies, code, sleep, system};

contract! {
    everywhere {
        a_notification_wraps_the_message
        raw_delivery_hands_over_message_and_attributes
        a_filter_policy_on_attributes
        a_filter_policy_on_the_body
        a_batch_is_published_entry_by_entry
        a_batch_has_at_most_ten_entries_with_distinct_ids
        a_missing_topic_is_named_as_such
        operators_of_filter_policies
        a_fifo_topic_orders_and_deduplicates
    }
    embedded {
        a_batch_may_have_256_kib_together: "MiniStack 1.5.33 does not add up the sizes of a batch"
        an_entry_of_a_batch_fails_inside_a_200: "MiniStack 1.5.33 accepts an empty message"
        what_a_queue_cannot_take_goes_to_the_dead_letter_queue_of_the_subscription: "MiniStack 1.5.33 has no dead-letter queues of subscriptions"
        text_that_no_queue_takes_is_published_and_never_delivered: "MiniStack 1.5.33 checks bodies only"
        more_than_ten_attributes_are_not_delivered_raw: "MiniStack 1.5.33 has no dead-letter queues of subscriptions"
    }
}

fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().unwrap()
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html>
async fn a_notification_wraps_the_message(stack: Stack) {
    let (topic, queue) = (stack.topic("t", &[]).await, stack.queue("q", &[]).await);
    stack.subscribe(&topic, &queue, &[]).await;
    let publish = stack.sns.publish().topic_arn(&topic).message("hello <world> & \"all\"").subject("subject");
    let id = publish.message_attributes("kind", attribute("String", "x")).send().await.unwrap();
    let received = stack.receive_for(&queue, 5).await.remove(0);
    let envelope: Value = serde_json::from_str(received.body().unwrap()).unwrap();
    assert_eq!(envelope["Type"], "Notification");
    assert_eq!(envelope["MessageId"], *id.message_id().unwrap());
    assert_eq!(envelope["TopicArn"], *topic);
    assert_eq!(envelope["Subject"], "subject");
    assert_eq!(envelope["Message"], "hello <world> & \"all\"");
    assert_eq!(envelope["MessageAttributes"]["kind"]["Value"], "x");
    assert!(received.message_attributes().is_none_or(|all| all.is_empty()));
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html>
async fn raw_delivery_hands_over_message_and_attributes(stack: Stack) {
    let (topic, queue) = (stack.topic("t", &[]).await, stack.queue("q", &[]).await);
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true")]).await;
    let publish = stack.sns.publish().topic_arn(&topic).message("hello");
    publish.message_attributes("tenantid", attribute("String", "acme")).send().await.unwrap();
    let received = stack.receive_for(&queue, 5).await.remove(0);
    assert_eq!(received.body(), Some("hello"));
    assert_eq!(received.message_attributes().unwrap()["tenantid"].string_value(), Some("acme"));
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html>
async fn a_filter_policy_on_attributes(stack: Stack) {
    let (topic, queue) = (stack.topic("t", &[]).await, stack.queue("q", &[]).await);
    let policy = r#"{"type":["order.placed",{"prefix":"refund."}]}"#;
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true"), ("FilterPolicy", policy)]).await;
    for kind in ["order.placed", "order.shipped", "refund.paid"] {
        let publish = stack.sns.publish().topic_arn(&topic).message(kind);
        publish.message_attributes("type", attribute("String", kind)).send().await.unwrap();
    }
    stack.sns.publish().topic_arn(&topic).message("no attribute").send().await.unwrap();
    sleep(1).await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["order.placed", "refund.paid"]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering-scope.html>
async fn a_filter_policy_on_the_body(stack: Stack) {
    let (topic, queue) = (stack.topic("t", &[]).await, stack.queue("q", &[]).await);
    let attributes = [
        ("RawMessageDelivery", "true"),
        ("FilterPolicyScope", "MessageBody"),
        ("FilterPolicy", r#"{"cell":["alpha"],"data":{"kind":["x"]}}"#),
    ];
    stack.subscribe(&topic, &queue, &attributes).await;
    let bodies_sent = [
        r#"{"cell":"alpha","data":{"kind":"x"}}"#,
        r#"{"cell":"beta","data":{"kind":"x"}}"#,
        r#"{"cell":"alpha"}"#,
        "no json",
    ];
    for body in bodies_sent {
        stack.sns.publish().topic_arn(&topic).message(body).send().await.unwrap();
    }
    sleep(1).await;
    assert_eq!(bodies(&stack.receive(&queue).await), [bodies_sent[0]]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/numeric-value-matching.html>
async fn operators_of_filter_policies(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let policies = [
        (r#"{"kind":[{"anything-but":["a","b"]}]}"#, vec!["c"]),
        (r#"{"kind":[{"suffix":"a"}]}"#, vec!["a"]),
        (r#"{"n":[{"numeric":[">=",2,"<",3]}]}"#, vec!["b"]),
        (r#"{"n":[3]}"#, vec!["c"]),
        (r#"{"tags":["red"]}"#, vec!["a"]),
        (r#"{"tags":[{"exists":false}]}"#, vec!["b", "c"]),
        (r#"{"kind":["a","b"],"n":[{"exists":true}]}"#, vec!["a", "b"]),
    ];
    let mut queues = Vec::new();
    for (n, (policy, expected)) in policies.into_iter().enumerate() {
        let queue = stack.queue(&format!("q{n}"), &[]).await;
        stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true"), ("FilterPolicy", policy)]).await;
        queues.push((policy, queue, expected));
    }
    for (kind, n) in [("a", "1"), ("b", "2.5"), ("c", "3")] {
        let mut publish = stack.sns.publish().topic_arn(&topic).message(kind);
        publish = publish.message_attributes("kind", attribute("String", kind));
        publish = publish.message_attributes("n", attribute("Number", n));
        if kind == "a" {
            publish = publish.message_attributes("tags", attribute("String.Array", r#"["blue","red"]"#));
        }
        publish.send().await.unwrap();
    }
    for (policy, queue, expected) in queues {
        assert_eq!(bodies(&stack.receive(&queue).await), expected, "{policy}");
    }
}

fn entries(bodies: &[&str]) -> Vec<Entry> {
    let entry = |(n, body): (usize, &&str)| Entry::builder().id(n.to_string()).message(*body).build().unwrap();
    bodies.iter().enumerate().map(entry).collect()
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>
async fn a_batch_is_published_entry_by_entry(stack: Stack) {
    let (topic, queue) = (stack.topic("t", &[]).await, stack.queue("q", &[]).await);
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true")]).await;
    let publish = stack.sns.publish_batch().topic_arn(&topic);
    let response = publish.set_publish_batch_request_entries(Some(entries(&["a", "b", "c"]))).send().await.unwrap();
    let mut ids: Vec<_> = response.successful().iter().filter_map(|e| e.id()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["0", "1", "2"]);
    assert!(response.failed().is_empty());
    sleep(1).await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["a", "b", "c"]);
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html#API_PublishBatch_Errors>
async fn a_batch_has_at_most_ten_entries_with_distinct_ids(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let publish =
        |entries| stack.sns.publish_batch().topic_arn(&topic).set_publish_batch_request_entries(Some(entries)).send();
    assert_eq!(publish(entries(&["x"; 10])).await.unwrap().successful().len(), 10);
    let eleven = publish(entries(&["x"; 11])).await.unwrap_err().into_service_error();
    assert!(eleven.is_too_many_entries_in_batch_request_exception(), "{eleven:?}");
    let same = publish(vec![entries(&["x"]).remove(0), entries(&["y"]).remove(0)]).await;
    assert!(same.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct_exception());
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>
async fn a_batch_may_have_256_kib_together(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let publish = |n: usize| {
        let half = "x".repeat(n);
        let batch = stack.sns.publish_batch().topic_arn(&topic);
        batch.set_publish_batch_request_entries(Some(entries(&[&half, &half]))).send()
    };
    publish(131_072).await.unwrap();
    let error = publish(131_073).await.unwrap_err().into_service_error();
    assert!(error.is_batch_request_too_long_exception(), "{error:?}");
    let one = stack.sns.publish().topic_arn(&topic).message("x".repeat(262_145)).send().await;
    assert_eq!(code(one), "InvalidParameter");
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>
async fn an_entry_of_a_batch_fails_inside_a_200(stack: Stack) {
    let (topic, queue) = (stack.topic("t", &[]).await, stack.queue("q", &[]).await);
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true")]).await;
    let publish = stack.sns.publish_batch().topic_arn(&topic);
    let response = publish.set_publish_batch_request_entries(Some(entries(&["a", "", "c"]))).send().await.unwrap();
    assert_eq!(response.successful().len(), 2);
    let failed = &response.failed()[0];
    assert_eq!((failed.id(), failed.code(), failed.sender_fault()), ("1", "InvalidParameter", true));
    assert_eq!(bodies(&stack.receive(&queue).await), ["a", "c"]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html>
async fn what_a_queue_cannot_take_goes_to_the_dead_letter_queue_of_the_subscription(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let (queue, dead) = (stack.queue("q", &[]).await, stack.queue("dead", &[]).await);
    let policy = format!(r#"{{"deadLetterTargetArn":"{}"}}"#, dead.arn);
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy)]).await;
    stack.sqs.delete_queue().queue_url(&queue.url).send().await.unwrap();
    stack.sns.publish().topic_arn(&topic).message("lost").send().await.unwrap();
    assert_eq!(bodies(&stack.receive(&dead).await), ["lost"]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html>
async fn more_than_ten_attributes_are_not_delivered_raw(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let (raw, dead) = (stack.queue("raw", &[]).await, stack.queue("dead", &[]).await);
    let wrapped = stack.queue("wrapped", &[]).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{}"}}"#, dead.arn);
    stack.subscribe(&topic, &raw, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy)]).await;
    stack.subscribe(&topic, &wrapped, &[]).await;
    let mut publish = stack.sns.publish().topic_arn(&topic).message("hello");
    for n in 0..11 {
        publish = publish.message_attributes(format!("a{n}"), attribute("String", "x"));
    }
    publish.send().await.unwrap();
    let counts = [&raw, &dead, &wrapped].map(|q| stack.counts(q));
    let [raw, dead, wrapped] = counts;
    assert_eq!([raw.await[0], dead.await[0], wrapped.await[0]], [0, 1, 1]);
}

/// SNS requires UTF-8 and no more, the queue behind it the characters of XML. So the delivery fails for good, and the
/// dead-letter queue can't store the same text either.
///
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>
async fn text_that_no_queue_takes_is_published_and_never_delivered(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let (queue, dead) = (stack.queue("q", &[]).await, stack.queue("dead", &[]).await);
    let policy = format!(r#"{{"deadLetterTargetArn":"{}"}}"#, dead.arn);
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy)]).await;
    for (body, value) in [("\u{FFFE}", "fine"), ("fine", "\u{FFFF}"), ("\u{1}", "fine"), ("fine", "\u{B}")] {
        let publish = stack.sns.publish().topic_arn(&topic).message(body);
        publish.message_attributes("source", attribute("String", value)).send().await.unwrap();
    }
    let publish = stack.sns.publish().topic_arn(&topic).message("last");
    publish.message_attributes("source", attribute("String", "\t\u{FFFD}\u{10FFFF}")).send().await.unwrap();
    sleep(60).await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["last"]);
    assert!(stack.receive(&dead).await.is_empty());
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html>
async fn a_fifo_topic_orders_and_deduplicates(stack: Stack) {
    let topic = stack.topic("t.fifo", &[("FifoTopic", "true")]).await;
    let queue = stack.queue("q.fifo", &[(QueueAttributeName::FifoQueue, "true")]).await;
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true")]).await;
    let publish = |body: &str, id: &str| {
        let publish = stack.sns.publish().topic_arn(&topic).message(body).message_group_id("g");
        publish.message_deduplication_id(id).send()
    };
    for (body, id) in [("1", "a"), ("2", "b"), ("2", "b"), ("3", "c")] {
        publish(body, id).await.unwrap();
    }
    let received = stack.receive(&queue).await;
    let order: Vec<_> = received.iter().map(|m| m.body().unwrap()).collect();
    assert_eq!(order, ["1", "2", "3"]);
    assert_eq!(system(&received[2], System::MessageDeduplicationId), "c");
    let ungrouped = stack.sns.publish().topic_arn(&topic).message("x").message_deduplication_id("d");
    assert!(code(ungrouped.send().await).starts_with("InvalidParameter"));
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors>
async fn a_missing_topic_is_named_as_such(stack: Stack) {
    let topic = stack.topic("t", &[]).await;
    let publish = stack.sns.publish().topic_arn(format!("{topic}-missing")).message("x").send().await;
    assert_eq!(code(publish), "NotFound");
}

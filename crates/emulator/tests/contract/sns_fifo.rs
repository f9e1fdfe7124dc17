//! SNS FIFO: deliveries keep a group's order, deduplication has its scope and its time.

use std::time::Duration;

use aws_sdk_sns::types::PublishBatchRequestEntry as Entry;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use cellstack_emulator::{Entries, Fault, FaultKind};

use crate::contract;
use crate::stack::{Queue, Stack, bodies, code, sleep};

contract! {
    everywhere {}
    embedded {
        a_delivery_tried_again_holds_back_its_group_and_no_other: "needs a delivery that fails"
        late_deliveries_do_not_overtake: "needs deliveries that take their time"
        an_entry_that_fails_to_be_delivered_holds_back_its_group: "needs a delivery that fails in part"
        what_is_refused_does_not_hold_back_the_rest: "MiniStack 1.5.33 has no dead-letter queues of subscriptions"
        an_id_counts_in_the_whole_topic_or_in_its_group: "MiniStack 1.5.33 is not known to have FifoThroughputScope"
        an_id_counts_for_five_minutes: "needs paused time"
    }
}

async fn world(stack: &Stack, scope: &str) -> (String, Queue) {
    let topic = stack.topic("t.fifo", &[("FifoTopic", "true"), ("FifoThroughputScope", scope)]).await;
    let queue =
        stack.queue("q.fifo", &[(Attribute::FifoQueue, "true"), (Attribute::DeduplicationScope, "messageGroup")]);
    let queue = queue.await;
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true")]).await;
    (topic, queue)
}

async fn publish(stack: &Stack, topic: &str, group: &str, body: &str, id: &str) {
    let publish = stack.sns.publish().topic_arn(topic).message(body).message_group_id(group);
    publish.message_deduplication_id(id).send().await.unwrap();
}

/// Returns the bodies in the queue, in its order.
fn lying(stack: &Stack, queue: &Queue) -> Vec<String> {
    stack.aws().peek_queue(&queue.name).into_iter().map(|m| m.body.to_string()).collect()
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-message-durability.html>
async fn a_delivery_tried_again_holds_back_its_group_and_no_other(stack: Stack) {
    let (topic, queue) = world(&stack, "MessageGroup").await;
    stack.aws().faults().inject(Fault::new("SQS", "SendMessage", FaultKind::ServerError).times(8));
    publish(&stack, &topic, "a", "a1", "1").await;
    stack.aws().faults().inject(Fault::new("SQS", "SendMessage", FaultKind::ResetAfterCommit).after(1).times(1));
    for (group, body) in [("a", "a2"), ("b", "b1"), ("a", "a3"), ("b", "b2")] {
        publish(&stack, &topic, group, body, body).await;
    }
    sleep(120).await;
    let order = lying(&stack, &queue);
    let of = |group: &str| order.iter().filter(|body| body.starts_with(group)).map(String::as_str).collect::<Vec<_>>();
    assert_eq!((of("a"), of("b")), (vec!["a1", "a2", "a3"], vec!["b1", "b2"]), "{order:?}");
    // When all is delivered, nothing waits any more.
    publish(&stack, &topic, "a", "a4", "a4").await;
    assert_eq!(lying(&stack, &queue).last().unwrap(), "a4");
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html>
async fn late_deliveries_do_not_overtake(stack: Stack) {
    let (topic, queue) = world(&stack, "MessageGroup").await;
    let late = |secs| FaultKind::Latency(Duration::from_secs(secs));
    stack.aws().faults().inject(Fault::new("SQS", "SendMessage", late(20)).times(1));
    publish(&stack, &topic, "a", "a1", "1").await;
    publish(&stack, &topic, "a", "a2", "2").await;
    publish(&stack, &topic, "b", "b1", "3").await;
    assert_eq!(lying(&stack, &queue), ["b1"]);
    sleep(19).await;
    publish(&stack, &topic, "a", "a3", "4").await;
    sleep(2).await;
    assert_eq!(lying(&stack, &queue), ["b1", "a1", "a2", "a3"]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html>
async fn an_entry_that_fails_to_be_delivered_holds_back_its_group(stack: Stack) {
    let (topic, queue) = world(&stack, "MessageGroup").await;
    let middle = FaultKind::EntriesFail(Entries::At(vec![1]));
    stack.aws().faults().inject(Fault::new("SQS", "SendMessage", middle).times(1));
    let entries = ["a1", "a2", "a3"].map(|body| {
        let entry = Entry::builder().id(body).message(body).message_group_id("a").message_deduplication_id(body);
        entry.build().unwrap()
    });
    let batch = stack.sns.publish_batch().topic_arn(&topic).set_publish_batch_request_entries(Some(entries.into()));
    assert_eq!(batch.send().await.unwrap().successful().len(), 3);
    publish(&stack, &topic, "a", "a4", "a4").await;
    assert_eq!(lying(&stack, &queue), ["a1"]);
    sleep(1).await;
    assert_eq!(lying(&stack, &queue), ["a1", "a2", "a3", "a4"]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-message-durability.html>
async fn what_is_refused_does_not_hold_back_the_rest(stack: Stack) {
    let topic = stack.topic("t.fifo", &[("FifoTopic", "true")]).await;
    let fifo = [(Attribute::FifoQueue, "true")];
    let (queue, dead) = (stack.queue("q.fifo", &fifo).await, stack.queue("dead.fifo", &fifo).await);
    let policy = format!(r#"{{"deadLetterTargetArn":"{}"}}"#, dead.arn);
    stack.subscribe(&topic, &queue, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy)]).await;
    let refused = FaultKind::Error { status: 403, code: "AccessDenied".into(), message: "no".into() };
    stack.aws().faults().inject(Fault::new("SQS", "SendMessage", refused).times(1));
    publish(&stack, &topic, "a", "a1", "1").await;
    publish(&stack, &topic, "a", "a2", "2").await;
    assert_eq!((lying(&stack, &dead), lying(&stack, &queue)), (vec!["a1".into()], vec!["a2".into()]));
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html>,
/// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>
async fn an_id_counts_in_the_whole_topic_or_in_its_group(stack: Stack) {
    let (topic, queue) = world(&stack, "Topic").await;
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        publish(&stack, &topic, group, body, "order-1").await;
    }
    assert_eq!(lying(&stack, &queue), ["a1"]);
    let set = |value: &str| {
        let set = stack.sns.set_topic_attributes().topic_arn(&topic).attribute_name("FifoThroughputScope");
        set.attribute_value(value).send()
    };
    assert_eq!(code(set("Everything").await), "InvalidParameter");
    set("MessageGroup").await.unwrap();
    for (group, body) in [("a", "a3"), ("b", "b2"), ("a", "a4")] {
        publish(&stack, &topic, group, body, "order-2").await;
    }
    assert_eq!(lying(&stack, &queue), ["a1", "a3", "b2"]);
}

/// <https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html>
async fn an_id_counts_for_five_minutes(stack: Stack) {
    let (topic, queue) = world(&stack, "MessageGroup").await;
    publish(&stack, &topic, "a", "first", "id").await;
    sleep(299).await;
    publish(&stack, &topic, "a", "second", "id").await;
    sleep(2).await;
    publish(&stack, &topic, "a", "third", "id").await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["first", "third"]);
}

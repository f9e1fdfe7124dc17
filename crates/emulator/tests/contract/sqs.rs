//! SQS: visibility, receive counts, delays, deletion, long polling, attributes.

use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName as Attribute,
};

use crate::contract;
use crate::stack::{Stack, bodies, code, sleep, system};

contract! {
    everywhere {
        a_received_message_hides_and_comes_back_counted
        visibility_can_be_ended_and_extended
        a_deleted_message_does_not_come_back
        a_delayed_message_comes_later
        counts_are_those_of_the_three_states
        a_long_poll_ends_with_the_first_message
        message_attributes_travel_with_their_digest
        a_purge_empties_the_queue
        a_missing_queue_is_named_as_such
        the_newest_handle_works_after_the_timeout
    }
    embedded {
        an_old_handle_deletes_nothing: "AWS leaves open what happens and the embedded stack takes the worse case; MiniStack 1.5.33 refuses the handle"
        a_message_that_is_not_in_flight_cannot_be_extended: "MiniStack 1.5.33 accepts the call"
        a_standard_queue_hands_out_in_any_order: "needs a queue that shuffles: AWS and MiniStack mostly keep the order"
        messages_are_kept_for_the_retention_period: "needs paused time"
        an_empty_long_poll_waits_its_full_time: "needs paused time"
        visibility_ends_after_twelve_hours: "needs paused time"
        names_and_attributes_are_checked: "MiniStack 1.5.33 accepts any queue name"
        deleting_what_is_gone_is_no_error: "MiniStack 1.5.33 returns ReceiptHandleIsInvalid"
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
async fn a_received_message_hides_and_comes_back_counted(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "2")]).await;
    let id = stack.send(&queue, "hello").await;
    let first = stack.receive(&queue).await;
    assert_eq!(first[0].message_id(), Some(id.as_str()));
    assert_eq!(system(&first[0], System::ApproximateReceiveCount), "1");
    assert!(stack.receive(&queue).await.is_empty());
    sleep(3).await;
    let second = stack.receive(&queue).await;
    assert_eq!(second[0].message_id(), Some(id.as_str()));
    assert_eq!(system(&second[0], System::ApproximateReceiveCount), "2");
    assert_ne!(first[0].receipt_handle(), second[0].receipt_handle());
    for name in [System::SentTimestamp, System::ApproximateFirstReceiveTimestamp] {
        assert_eq!(system(&first[0], name.clone()), system(&second[0], name));
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
async fn visibility_can_be_ended_and_extended(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "2")]).await;
    stack.send(&queue, "hello").await;
    let change = |message: &aws_sdk_sqs::types::Message, seconds| {
        let change = stack.sqs.change_message_visibility().queue_url(&queue.url);
        change.receipt_handle(message.receipt_handle().unwrap()).visibility_timeout(seconds).send()
    };
    let message = stack.receive(&queue).await.remove(0);
    change(&message, 0).await.unwrap();
    let message = stack.receive(&queue).await.remove(0);
    assert_eq!(system(&message, System::ApproximateReceiveCount), "2");
    change(&message, 30).await.unwrap();
    sleep(3).await;
    assert!(stack.receive(&queue).await.is_empty());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
async fn a_deleted_message_does_not_come_back(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "1")]).await;
    stack.send(&queue, "hello").await;
    let message = stack.receive(&queue).await.remove(0);
    stack.delete(&queue, &message).await;
    sleep(2).await;
    assert!(stack.receive(&queue).await.is_empty());
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
    let nonsense = stack.sqs.delete_message().queue_url(&queue.url).receipt_handle("nonsense").send().await;
    assert_eq!(code(nonsense), "ReceiptHandleIsInvalid");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
async fn deleting_what_is_gone_is_no_error(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    stack.send(&queue, "hello").await;
    let message = stack.receive(&queue).await.remove(0);
    stack.delete(&queue, &message).await;
    stack.delete(&queue, &message).await;
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
async fn the_newest_handle_works_after_the_timeout(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "1")]).await;
    stack.send(&queue, "hello").await;
    let message = stack.receive(&queue).await.remove(0);
    sleep(2).await;
    stack.delete(&queue, &message).await;
    assert!(stack.receive(&queue).await.is_empty());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
async fn an_old_handle_deletes_nothing(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "1")]).await;
    stack.send(&queue, "hello").await;
    let old = stack.receive(&queue).await.remove(0);
    sleep(2).await;
    let new = stack.receive(&queue).await.remove(0);
    stack.delete(&queue, &old).await;
    assert_eq!(stack.counts(&queue).await, [0, 1, 0]);
    stack.delete(&queue, &new).await;
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html#API_ChangeMessageVisibility_Errors>
async fn a_message_that_is_not_in_flight_cannot_be_extended(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "1")]).await;
    stack.send(&queue, "hello").await;
    let message = stack.receive(&queue).await.remove(0);
    sleep(2).await;
    let change = stack.sqs.change_message_visibility().queue_url(&queue.url).visibility_timeout(9);
    let result = change.receipt_handle(message.receipt_handle().unwrap()).send().await;
    assert!(code(result).ends_with("MessageNotInflight"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>
async fn a_delayed_message_comes_later(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::DelaySeconds, "2")]).await;
    stack.send(&queue, "the queue's delay").await;
    let send = stack.sqs.send_message().queue_url(&queue.url).message_body("its own").delay_seconds(0);
    send.send().await.unwrap();
    assert_eq!(bodies(&stack.receive(&queue).await), ["its own"]);
    assert_eq!(stack.counts(&queue).await, [0, 1, 1]);
    sleep(3).await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["the queue's delay"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
async fn counts_are_those_of_the_three_states(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    for body in ["a", "b", "c"] {
        stack.send(&queue, body).await;
    }
    let delayed = stack.sqs.send_message().queue_url(&queue.url).message_body("d").delay_seconds(60);
    delayed.send().await.unwrap();
    assert_eq!(stack.counts(&queue).await, [3, 0, 1]);
    let one = stack.sqs.receive_message().queue_url(&queue.url).send().await.unwrap();
    assert_eq!(one.messages().len(), 1);
    assert_eq!(stack.counts(&queue).await, [2, 1, 1]);
    stack.delete(&queue, &one.messages()[0]).await;
    assert_eq!(stack.counts(&queue).await, [2, 0, 1]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
async fn a_long_poll_ends_with_the_first_message(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let start = tokio::time::Instant::now();
    let poll = stack.receive_for(&queue, 10);
    let send = async {
        sleep(1).await;
        stack.send(&queue, "hello").await
    };
    let (received, _) = tokio::join!(poll, send);
    assert_eq!(bodies(&received), ["hello"]);
    assert!(start.elapsed().as_secs() < 5);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
async fn an_empty_long_poll_waits_its_full_time(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::ReceiveMessageWaitTimeSeconds, "7")]).await;
    let start = tokio::time::Instant::now();
    let poll = stack.sqs.receive_message().queue_url(&queue.url);
    assert!(poll.send().await.unwrap().messages().is_empty());
    assert_eq!(start.elapsed().as_secs(), 7);
    // A message that becomes visible meanwhile ends it, too.
    let send = stack.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(3);
    send.send().await.unwrap();
    assert_eq!(stack.receive_for(&queue, 20).await.len(), 1);
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
async fn message_attributes_travel_with_their_digest(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let attribute =
        |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
    let send = stack
        .sqs
        .send_message()
        .queue_url(&queue.url)
        .message_body("hello")
        .message_attributes("type", attribute("order.placed"))
        .message_attributes("tenantid", attribute("acme"));
    let sent = send.send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    let received = stack.receive(&queue).await.remove(0);
    assert_eq!(received.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(received.message_attributes().unwrap()["tenantid"].string_value(), Some("acme"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
async fn a_purge_empties_the_queue(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    for body in ["a", "b"] {
        stack.send(&queue, body).await;
    }
    stack.sqs.purge_queue().queue_url(&queue.url).send().await.unwrap();
    assert!(stack.receive(&queue).await.is_empty());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html#API_GetQueueUrl_Errors>
async fn a_missing_queue_is_named_as_such(stack: Stack) {
    let get = stack.sqs.get_queue_url().queue_name(stack.name("missing")).send().await;
    assert!(get.unwrap_err().into_service_error().is_queue_does_not_exist());
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
async fn messages_are_kept_for_the_retention_period(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::MessageRetentionPeriod, "60")]).await;
    stack.send(&queue, "old").await;
    sleep(40).await;
    stack.send(&queue, "new").await;
    sleep(30).await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["new"]);
    // In flight or not.
    sleep(31).await;
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
async fn visibility_ends_after_twelve_hours(stack: Stack) {
    let queue = stack.queue("q", &[(Attribute::VisibilityTimeout, "43200")]).await;
    stack.send(&queue, "hello").await;
    let message = stack.receive(&queue).await.remove(0);
    sleep(3600).await;
    let change = |seconds| {
        let change = stack.sqs.change_message_visibility().queue_url(&queue.url).visibility_timeout(seconds);
        change.receipt_handle(message.receipt_handle().unwrap()).send()
    };
    assert_eq!(code(change(43_200).await), "InvalidParameterValue");
    change(39_600).await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
async fn names_and_attributes_are_checked(stack: Stack) {
    let create = |name: &str, attribute: Attribute, value: &str| {
        stack.sqs.create_queue().queue_name(name).attributes(attribute, value).send()
    };
    assert_eq!(code(create("a queue", Attribute::DelaySeconds, "0").await), "InvalidParameterValue");
    assert_eq!(code(create("q", Attribute::VisibilityTimeout, "43201").await), "InvalidAttributeValue");
    assert_eq!(code(create("q", Attribute::FifoQueue, "true").await), "InvalidParameterValue");
    create("q", Attribute::VisibilityTimeout, "30").await.unwrap();
    create("q", Attribute::VisibilityTimeout, "30").await.unwrap();
    assert_eq!(code(create("q", Attribute::VisibilityTimeout, "31").await), "QueueAlreadyExists");
    let url = stack.sqs.get_queue_url().queue_name("q").send().await.unwrap().queue_url.unwrap();
    stack.sqs.delete_queue().queue_url(url).send().await.unwrap();
    let again = create("q", Attribute::VisibilityTimeout, "30").await;
    assert_eq!(code(again), "AWS.SimpleQueueService.QueueDeletedRecently");
    sleep(60).await;
    create("q", Attribute::VisibilityTimeout, "30").await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
async fn a_standard_queue_hands_out_in_any_order(_: Stack) {
    async fn run(seed: u64) -> Vec<usize> {
        let stack = Stack::built(cellstack_emulator::Aws::builder().seed(seed).shuffle_queues(true));
        let queue = stack.queue("q", &[]).await;
        for n in 0..40 {
            stack.send(&queue, &n.to_string()).await;
        }
        let mut order = Vec::new();
        while order.len() < 40 {
            for message in stack.receive(&queue).await {
                order.push(message.body().unwrap().parse().unwrap());
                stack.delete(&queue, &message).await;
            }
        }
        order
    }
    let order = run(1).await;
    assert!(!order.is_sorted());
    // From among all that are visible, not within each batch only.
    assert!(order[..10].iter().any(|n| *n >= 20), "{order:?}");
    assert_eq!(order, run(1).await);
    assert_ne!(order, run(2).await);
    let mut all = order;
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
}

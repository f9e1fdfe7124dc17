//! SQS FIFO: groups, deduplication, sequence numbers.

use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName as Attribute};

use crate::contract;
use crate::stack::{Queue, Stack, bodies, code, sleep, system};

contract! {
    everywhere {
        a_group_is_received_in_order
        a_group_in_flight_holds_back_its_rest_and_no_other
        a_repeat_is_accepted_and_not_delivered
        a_group_is_required
        content_deduplicates_where_the_queue_says_so
        a_message_that_returns_keeps_its_place
    }
    embedded {
        groups_come_in_any_order_and_each_in_its_own: "needs a queue that shuffles"
        an_id_counts_in_the_whole_queue_or_in_its_group: "MiniStack 1.5.33 is not known to have DeduplicationScope"
        a_repeat_counts_again_after_five_minutes: "needs paused time"
    }
}

async fn fifo(stack: &Stack) -> Queue {
    let attributes = [(Attribute::FifoQueue, "true"), (Attribute::VisibilityTimeout, "2")];
    stack.queue("q.fifo", &attributes).await
}

async fn send(stack: &Stack, queue: &Queue, group: &str, body: &str, id: &str) -> SendMessageOutput {
    let send = stack.sqs.send_message().queue_url(&queue.url).message_body(body);
    send.message_group_id(group).message_deduplication_id(id).send().await.unwrap()
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>
async fn a_group_is_received_in_order(stack: Stack) {
    let queue = fifo(&stack).await;
    let mut numbers = Vec::new();
    for body in ["1", "2", "3"] {
        let sent = send(&stack, &queue, "g", body, body).await;
        numbers.push(sent.sequence_number.unwrap().parse::<u128>().unwrap());
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    let received = stack.receive(&queue).await;
    let order: Vec<_> = received.iter().map(|m| m.body().unwrap()).collect();
    assert_eq!(order, ["1", "2", "3"]);
    assert_eq!(system(&received[0], System::MessageGroupId), "g");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>
async fn a_group_in_flight_holds_back_its_rest_and_no_other(stack: Stack) {
    let queue = fifo(&stack).await;
    send(&stack, &queue, "a", "a1", "1").await;
    let first = stack.receive(&queue).await.remove(0);
    send(&stack, &queue, "a", "a2", "2").await;
    send(&stack, &queue, "b", "b1", "3").await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["b1"]);
    stack.delete(&queue, &first).await;
    assert_eq!(bodies(&stack.receive(&queue).await), ["a2"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>
async fn a_message_that_returns_keeps_its_place(stack: Stack) {
    let queue = fifo(&stack).await;
    for body in ["1", "2"] {
        send(&stack, &queue, "g", body, body).await;
    }
    let one = stack.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(1);
    assert_eq!(one.send().await.unwrap().messages()[0].body(), Some("1"));
    assert!(stack.receive(&queue).await.is_empty());
    sleep(3).await;
    let again = stack.receive(&queue).await;
    let order: Vec<_> = again.iter().map(|m| m.body().unwrap()).collect();
    assert_eq!(order, ["1", "2"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>
async fn a_repeat_is_accepted_and_not_delivered(stack: Stack) {
    let queue = fifo(&stack).await;
    let first = send(&stack, &queue, "g", "once", "id").await;
    let second = send(&stack, &queue, "g", "once", "id").await;
    assert_eq!(first.message_id, second.message_id);
    assert_eq!(stack.receive(&queue).await.len(), 1);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>
async fn a_repeat_counts_again_after_five_minutes(stack: Stack) {
    let queue = fifo(&stack).await;
    let first = send(&stack, &queue, "g", "v", "id").await;
    let message = stack.receive(&queue).await.remove(0);
    stack.delete(&queue, &message).await;
    sleep(299).await;
    // The id is remembered although the message is gone.
    assert_eq!(send(&stack, &queue, "g", "v", "id").await.message_id, first.message_id);
    sleep(2).await;
    assert_ne!(send(&stack, &queue, "g", "v", "id").await.message_id, first.message_id);
    assert_eq!(stack.receive(&queue).await.len(), 1);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html>
async fn content_deduplicates_where_the_queue_says_so(stack: Stack) {
    let attributes = [(Attribute::FifoQueue, "true"), (Attribute::ContentBasedDeduplication, "true")];
    let queue = stack.queue("q.fifo", &attributes).await;
    for body in ["same", "same", "other"] {
        let send = stack.sqs.send_message().queue_url(&queue.url).message_body(body);
        send.message_group_id("g").send().await.unwrap();
    }
    let received = stack.receive(&queue).await;
    assert_eq!(bodies(&received), ["other", "same"]);
    let sha256_of_same = "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5";
    assert_eq!(system(&received[0], System::MessageDeduplicationId), sha256_of_same);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html>
async fn a_group_is_required(stack: Stack) {
    let queue = fifo(&stack).await;
    let send = stack.sqs.send_message().queue_url(&queue.url).message_body("v").message_deduplication_id("id");
    assert_eq!(code(send.send().await), "MissingParameter");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>
async fn groups_come_in_any_order_and_each_in_its_own(_: Stack) {
    let stack = Stack::built(cellstack_emulator::Aws::builder().seed(2).shuffle_queues(true));
    let queue = fifo(&stack).await;
    for n in 0..4 {
        for group in ["a", "b", "c"] {
            let body = format!("{group}{n}");
            send(&stack, &queue, group, &body, &body).await;
        }
    }
    let mut order = Vec::new();
    while order.len() < 12 {
        let one = stack.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(1).send().await.unwrap();
        let message = &one.messages()[0];
        order.push(message.body().unwrap().to_string());
        // Every third comes back, and is the next of its group all the same.
        if order.len() % 3 == 0 {
            order.pop();
            sleep(3).await;
            let again =
                stack.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(1).send().await.unwrap();
            order.push(again.messages()[0].body().unwrap().to_string());
            stack.delete(&queue, &again.messages()[0]).await;
        } else {
            stack.delete(&queue, message).await;
        }
    }
    for group in ["a", "b", "c"] {
        let of: Vec<_> = order.iter().filter(|body| body.starts_with(group)).collect();
        assert_eq!(of, [0, 1, 2, 3].map(|n| format!("{group}{n}")).iter().collect::<Vec<_>>(), "{order:?}");
    }
    assert_ne!(order[..3], ["a0", "b0", "c0"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
async fn an_id_counts_in_the_whole_queue_or_in_its_group(stack: Stack) {
    let whole = fifo(&stack).await;
    let scope = [(Attribute::FifoQueue, "true"), (Attribute::DeduplicationScope, "messageGroup")];
    let grouped = stack.queue("grouped.fifo", &scope).await;
    for queue in [&whole, &grouped] {
        for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
            send(&stack, queue, group, body, "order-1").await;
        }
    }
    assert_eq!(bodies(&stack.receive(&whole).await), ["a1"]);
    assert_eq!(bodies(&stack.receive(&grouped).await), ["a1", "b1"]);
}

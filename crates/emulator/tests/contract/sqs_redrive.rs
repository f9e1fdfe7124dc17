//! SQS: dead-letter queues and the way back.

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName as Attribute};

use crate::contract;
use crate::stack::{Queue, Stack, bodies, sleep, system};

contract! {
    everywhere {
        a_message_received_too_often_goes_to_the_dead_letter_queue
    }
    embedded {
        a_dead_letter_keeps_the_time_it_was_sent: "needs paused time"
        a_move_task_brings_dead_letters_back_as_new_messages: "MiniStack 1.5.33 has no StartMessageMoveTask"
        a_move_task_keeps_to_its_rate: "MiniStack 1.5.33 has no StartMessageMoveTask"
        only_dead_letter_queues_of_queues_can_be_moved: "MiniStack 1.5.33 has no StartMessageMoveTask"
    }
}

/// Creates a queue whose messages are dead-lettered after two receives, and its dead-letter queue.
async fn pair(stack: &Stack) -> (Queue, Queue) {
    let dead = stack.queue("dead", &[]).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":2}}"#, dead.arn);
    let attributes = [(Attribute::VisibilityTimeout, "1"), (Attribute::RedrivePolicy, &policy)];
    (stack.queue("live", &attributes).await, dead)
}

async fn kill(stack: &Stack, live: &Queue, body: &str) -> String {
    let id = stack.send(live, body).await;
    for expected in ["1", "2"] {
        let received = stack.receive(live).await;
        assert_eq!(system(&received[0], System::ApproximateReceiveCount), expected);
        sleep(2).await;
    }
    assert!(stack.receive(live).await.is_empty());
    id
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
async fn a_message_received_too_often_goes_to_the_dead_letter_queue(stack: Stack) {
    let (live, dead) = pair(&stack).await;
    let id = kill(&stack, &live, "poison").await;
    assert_eq!(stack.counts(&live).await, [0, 0, 0]);
    let received = stack.receive(&dead).await;
    assert_eq!(received[0].message_id(), Some(id.as_str()));
    assert_eq!(received[0].body(), Some("poison"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html>
async fn a_dead_letter_keeps_the_time_it_was_sent(stack: Stack) {
    let (live, dead) = pair(&stack).await;
    let day = 24 * 3600;
    stack.send(&live, "poison").await;
    sleep(day).await;
    for _ in 0..3 {
        stack.receive(&live).await;
        sleep(2).await;
    }
    assert_eq!(stack.counts(&dead).await, [1, 0, 0]);
    // 4 days of retention: one of them was spent in the source queue.
    sleep(3 * day - 60).await;
    assert_eq!(stack.counts(&dead).await, [1, 0, 0]);
    sleep(120).await;
    assert_eq!(stack.counts(&dead).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
async fn a_move_task_brings_dead_letters_back_as_new_messages(stack: Stack) {
    let (live, dead) = pair(&stack).await;
    let id = kill(&stack, &live, "poison").await;
    stack.sqs.start_message_move_task().source_arn(&dead.arn).send().await.unwrap();
    sleep(1).await;
    assert_eq!(stack.counts(&dead).await, [0, 0, 0]);
    let back = stack.receive(&live).await;
    assert_eq!(bodies(&back), ["poison"]);
    assert_ne!(back[0].message_id(), Some(id.as_str()));
    assert_eq!(system(&back[0], System::ApproximateReceiveCount), "1");
    let tasks = stack.sqs.list_message_move_tasks().source_arn(&dead.arn).send().await.unwrap();
    let task = &tasks.results()[0];
    assert_eq!(task.status(), Some("COMPLETED"));
    assert_eq!(task.approximate_number_of_messages_moved(), 1);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
async fn a_move_task_keeps_to_its_rate(stack: Stack) {
    let (live, dead) = pair(&stack).await;
    for n in 0..20 {
        stack.send(&dead, &n.to_string()).await;
    }
    let start = stack.sqs.start_message_move_task().source_arn(&dead.arn).destination_arn(&live.arn);
    let task = start.max_number_of_messages_per_second(2).send().await.unwrap();
    let second = stack.sqs.start_message_move_task().source_arn(&dead.arn).send().await;
    assert!(second.is_err(), "one task per queue at a time");
    sleep(5).await;
    let moved = stack.counts(&live).await[0];
    assert!((9..=11).contains(&moved), "{moved}");
    let cancel = stack.sqs.cancel_message_move_task().task_handle(task.task_handle().unwrap());
    cancel.send().await.unwrap();
    sleep(5).await;
    let rest = stack.counts(&dead).await[0];
    assert_eq!(stack.counts(&live).await[0] + rest, 20);
    assert!(rest >= 8);
    let tasks = stack.sqs.list_message_move_tasks().source_arn(&dead.arn).send().await.unwrap();
    assert_eq!(tasks.results()[0].status(), Some("CANCELLED"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
async fn only_dead_letter_queues_of_queues_can_be_moved(stack: Stack) {
    let plain = stack.queue("plain", &[]).await;
    let start = stack.sqs.start_message_move_task().source_arn(&plain.arn).send().await;
    assert!(start.is_err());
}

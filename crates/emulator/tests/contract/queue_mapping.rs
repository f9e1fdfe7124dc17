//! Event source mapping of a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName as Attribute};
use bytes::Bytes;
use cellstack_emulator::{Entries, Fault, FaultKind, QueueMapping, function_fn};
use serde_json::{Value, json};

use crate::contract;
use crate::functions::{failing_on, function, reporting, succeeding};
use crate::stack::{Queue, Stack, bodies, sleep};

contract! {
    everywhere {}
    embedded {
        the_event_is_the_one_lambda_delivers: "needs a function in process; the deployed suite has it on MiniStack"
        what_succeeds_is_deleted: "needs a function in process; the deployed suite has it on MiniStack"
        a_failed_batch_comes_back_after_the_visibility_timeout: "needs paused time"
        a_report_brings_back_the_failed_alone: "needs paused time"
        an_invalid_report_brings_back_all: "needs a function in process; MiniStack takes a malformed report for success"
        poison_dies_alone: "needs paused time"
        a_deletion_that_fails_brings_its_message_again: "needs deletions that fail"
        concurrency_is_limited: "needs a function in process"
        a_window_gathers_messages: "needs paused time"
        a_fifo_group_is_processed_in_order: "needs a function in process"
        a_timeout_is_a_failure: "needs paused time"
        a_throttled_batch_is_tried_until_its_visibility_timeout: "needs injected throttles"
        a_mapping_that_dies_loses_nothing: "needs paused time"
        settings_have_ranges: "looks at the embedded mapping's own checks"
    }
}

async fn queue(stack: &Stack) -> (Queue, Queue) {
    let dead = stack.queue("dead", &[]).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, dead.arn);
    let attributes = [(Attribute::VisibilityTimeout, "180"), (Attribute::RedrivePolicy, &policy)];
    (stack.queue("live", &attributes).await, dead)
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
async fn the_event_is_the_one_lambda_delivers(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    let kind = MessageAttributeValue::builder().data_type("String").string_value("order").build().unwrap();
    let send = stack.sqs.send_message().queue_url(&queue.url).message_body("hello");
    let sent = send.message_attributes("type", kind).send().await.unwrap();
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_queue(QueueMapping::new(&queue.arn, "f"), function).unwrap();
    sleep(1).await;
    let record = &invocations.batches()[0][0];
    assert_eq!(record["messageId"], *sent.message_id().unwrap());
    assert_eq!(record["body"], "hello");
    assert_eq!(record["md5OfBody"], *sent.md5_of_message_body().unwrap());
    assert_eq!(record["md5OfMessageAttributes"], *sent.md5_of_message_attributes().unwrap());
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], *queue.arn);
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(
        record["messageAttributes"]["type"],
        json!({"stringValue": "order", "stringListValues": [], "binaryListValues": [], "dataType": "String"})
    );
    let event: aws_lambda_events::event::sqs::SqsEvent =
        serde_json::from_value(json!({ "Records": [record] })).unwrap();
    assert!(event.records[0].receipt_handle.is_some());
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
async fn what_succeeds_is_deleted(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    for n in 0..25 {
        stack.send(&queue, &n.to_string()).await;
    }
    let (function, invocations) = succeeding();
    let mapping = stack.aws().map_queue(QueueMapping::new(&queue.name, "f"), function).unwrap();
    sleep(1).await;
    mapping.stop().await;
    let sizes: Vec<_> = invocations.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
async fn a_failed_batch_comes_back_after_the_visibility_timeout(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    let first = AtomicUsize::new(0);
    let (function, invocations) = function(move |_| match first.fetch_add(1, Ordering::Relaxed) {
        0 => Err(cellstack_emulator::FunctionError::Crashed("once".into())),
        _ => Ok("null".into()),
    });
    for body in ["a", "b"] {
        stack.send(&queue, body).await;
    }
    let _mapping = stack.aws().map_queue(QueueMapping::new(&queue.url, "f"), function).unwrap();
    sleep(170).await;
    assert_eq!(stack.counts(&queue).await, [0, 2, 0]);
    sleep(20).await;
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
    assert_eq!(invocations.lines(), ["a b", "a b"]);
    assert!((180.0..180.2).contains(&invocations.times()[1]), "{:?}", invocations.times());
}

fn partial(queue: &Queue) -> QueueMapping {
    let mut mapping = QueueMapping::new(&queue.name, "f");
    mapping.report_batch_item_failures = true;
    mapping
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
async fn a_report_brings_back_the_failed_alone(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    for body in ["a", "b", "c"] {
        stack.send(&queue, body).await;
    }
    let (function, invocations) = reporting(&["b"]);
    let _mapping = stack.aws().map_queue(partial(&queue), function).unwrap();
    sleep(1).await;
    assert_eq!(stack.counts(&queue).await, [0, 1, 0]);
    sleep(180).await;
    assert_eq!(invocations.lines(), ["a b c", "b"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
async fn an_invalid_report_brings_back_all(stack: Stack) {
    for (n, response) in [
        r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
        r#"{"batchItemFailures":[{"wrong":"key"}]}"#,
        "nonsense",
    ]
    .into_iter()
    .enumerate()
    {
        let queue = stack.queue(&format!("q{n}"), &[]).await;
        for body in ["a", "b"] {
            stack.send(&queue, body).await;
        }
        let (function, _) = function(move |_| Ok(response.into()));
        let mapping = stack.aws().map_queue(partial(&queue), function).unwrap();
        sleep(1).await;
        mapping.stop().await;
        assert_eq!(stack.counts(&queue).await, [0, 2, 0], "{response}");
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
async fn poison_dies_alone(stack: Stack) {
    let (queue, dead) = queue(&stack).await;
    for body in ["good", "poison", "fine"] {
        stack.send(&queue, body).await;
    }
    let (function, invocations) = reporting(&["poison"]);
    let _mapping = stack.aws().map_queue(partial(&queue), function).unwrap();
    sleep(3600).await;
    assert_eq!(invocations.lines(), ["good poison fine", "poison", "poison"]);
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
    assert_eq!(bodies(&stack.receive(&dead).await), ["poison"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
async fn a_deletion_that_fails_brings_its_message_again(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    for body in ["a", "b", "c"] {
        stack.send(&queue, body).await;
    }
    let middle = FaultKind::EntriesFail(Entries::At(vec![1]));
    let fault = stack.aws().faults().inject(Fault::new("SQS", "DeleteMessage", middle).times(1));
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_queue(partial(&queue), function).unwrap();
    sleep(3600).await;
    assert_eq!(invocations.lines(), ["a b c", "b"]);
    assert_eq!(stack.aws().faults().hits(fault), 1);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency>
async fn concurrency_is_limited(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    for n in 0..50 {
        stack.send(&queue, &n.to_string()).await;
    }
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (running.clone(), most.clone());
    let function = function_fn(move |_| {
        let (running, most) = counters.clone();
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(1).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(Bytes::new())
        }
    });
    let mut mapping = QueueMapping::new(&queue.name, "f");
    mapping.batch_size = 1;
    mapping.max_concurrency = Some(3);
    let _mapping = stack.aws().map_queue(mapping, function).unwrap();
    sleep(30).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>
async fn a_window_gathers_messages(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    let mut mapping = QueueMapping::new(&queue.name, "f");
    mapping.batch_size = 100;
    mapping.window = Duration::from_secs(5);
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_queue(mapping, function).unwrap();
    for n in 0..30 {
        stack.send(&queue, &n.to_string()).await;
    }
    sleep(1).await;
    stack.send(&queue, "last").await;
    sleep(5).await;
    let sizes: Vec<_> = invocations.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [31]);
    assert!((5.0..5.1).contains(&invocations.times()[0]));
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
async fn a_fifo_group_is_processed_in_order(stack: Stack) {
    let attributes = [(Attribute::FifoQueue, "true"), (Attribute::ContentBasedDeduplication, "true")];
    let queue = stack.queue("q.fifo", &attributes).await;
    for n in 0..20 {
        for group in ["a", "b"] {
            let send = stack.sqs.send_message().queue_url(&queue.url).message_group_id(group);
            send.message_body(format!("{group}{n:02}")).send().await.unwrap();
        }
    }
    let done = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = done.clone();
    let function = function_fn(move |payload: Bytes| {
        let log = log.clone();
        async move {
            let event: Value = serde_json::from_slice(&payload).unwrap();
            for record in event["Records"].as_array().unwrap() {
                sleep(1).await;
                log.lock().unwrap().push(record["body"].as_str().unwrap().to_string());
            }
            Ok(Bytes::new())
        }
    });
    let mut mapping = QueueMapping::new(&queue.name, "f");
    mapping.batch_size = 3;
    let _mapping = stack.aws().map_queue(mapping, function).unwrap();
    sleep(60).await;
    let done = done.lock().unwrap().clone();
    assert_eq!(done.len(), 40);
    for group in ["a", "b"] {
        assert!(done.iter().filter(|body| body.starts_with(group)).is_sorted(), "{done:?}");
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
async fn a_timeout_is_a_failure(stack: Stack) {
    let (queue, dead) = queue(&stack).await;
    stack.send(&queue, "slow").await;
    let mut mapping = QueueMapping::new(&queue.name, "f");
    mapping.function_timeout = Duration::from_secs(30);
    let _mapping = stack.aws().map_queue(mapping, function_fn(|_| std::future::pending())).unwrap();
    sleep(3600).await;
    assert_eq!(bodies(&stack.receive(&dead).await), ["slow"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-backoff-strategy>
async fn a_throttled_batch_is_tried_until_its_visibility_timeout(stack: Stack) {
    let (queue, dead) = queue(&stack).await;
    stack.send(&queue, "patient").await;
    stack.send(&queue, "poison").await;
    // A short throttle costs no receive ...
    let throttle = Fault::new("Lambda", "Invoke", FaultKind::Throttle);
    stack.aws().faults().inject(throttle.clone().times(3));
    let (function, invocations) = failing_on(&["never"]);
    let _mapping = stack.aws().map_queue(QueueMapping::new(&queue.name, "f"), function).unwrap();
    sleep(170).await;
    assert_eq!(invocations.batches()[0][0]["attributes"]["ApproximateReceiveCount"], "1");
    // ... a long one dead-letters good messages, which is why maximum concurrency must fit.
    stack.aws().faults().inject(throttle);
    stack.send(&queue, "good").await;
    sleep(3600).await;
    assert_eq!(bodies(&stack.receive(&dead).await), ["good"]);
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
async fn a_mapping_that_dies_loses_nothing(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    stack.send(&queue, "survivor").await;
    let mapping = QueueMapping::new(&queue.name, "f");
    let hanging = function_fn(|_| std::future::pending());
    let dying = stack.aws().map_queue(mapping.clone(), hanging).unwrap();
    sleep(1).await;
    assert_eq!(stack.counts(&queue).await, [0, 1, 0]);
    drop(dying);
    let (function, invocations) = succeeding();
    let _mapping = stack.aws().map_queue(mapping, function).unwrap();
    sleep(200).await;
    assert_eq!(invocations.lines(), ["survivor"]);
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
async fn settings_have_ranges(stack: Stack) {
    let (queue, _) = queue(&stack).await;
    let refused = |change: fn(&mut QueueMapping)| {
        let mut mapping = QueueMapping::new(&queue.name, "f");
        change(&mut mapping);
        stack.aws().map_queue(mapping, succeeding().0).is_err()
    };
    assert!(refused(|m| m.batch_size = 11));
    assert!(refused(|m| m.batch_size = 0));
    assert!(refused(|m| m.max_concurrency = Some(1)));
    assert!(refused(|m| m.window = Duration::from_secs(301)));
    assert!(refused(|m| m.queue = "missing".into()));
    assert!(!refused(|m| {
        m.batch_size = 10_000;
        m.window = Duration::from_secs(1);
    }));
}

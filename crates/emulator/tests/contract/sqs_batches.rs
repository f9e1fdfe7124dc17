//! SQS: batches and sizes.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    SendMessageBatchRequestEntry as Entry,
};
use cellstack_emulator::{Entries, Fault, FaultKind};

use crate::contract;
use crate::stack::{Stack, bodies, code};

contract! {
    everywhere {
        a_batch_has_one_to_ten_entries_with_distinct_ids
        a_batch_is_deleted_entry_by_entry
        an_entry_fails_alone
        a_message_may_have_one_mebibyte
        a_batch_may_have_one_mebibyte_together
        a_queue_can_set_a_smaller_limit
    }
    embedded {
        an_attribute_holds_the_characters_of_a_body: "MiniStack 1.5.33 checks bodies only"
        any_entry_can_fail: "needs entries that fail"
    }
}

fn entry(id: &str, body: &str) -> Entry {
    Entry::builder().id(id).message_body(body).build().unwrap()
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html#API_SendMessageBatch_Errors>
async fn a_batch_has_one_to_ten_entries_with_distinct_ids(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let send = |ids: Vec<String>| {
        let entries = ids.iter().map(|id| entry(id, id)).collect();
        stack.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send()
    };
    let ids = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
    let prefixed = |code: String| code.rsplit('.').next().unwrap_or_default().to_string();
    assert_eq!(send(ids(10)).await.unwrap().successful().len(), 10);
    assert_eq!(prefixed(code(send(ids(11)).await)), "TooManyEntriesInBatchRequest");
    assert_eq!(prefixed(code(send(Vec::new()).await)), "EmptyBatchRequest");
    let same = vec!["a".to_string(), "a".to_string()];
    assert_eq!(prefixed(code(send(same).await)), "BatchEntryIdsNotDistinct");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
async fn a_batch_is_deleted_entry_by_entry(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    stack.send(&queue, "hello").await;
    let message = stack.receive(&queue).await.remove(0);
    let entry = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let delete = stack
        .sqs
        .delete_message_batch()
        .queue_url(&queue.url)
        .entries(entry("good", message.receipt_handle().unwrap()))
        .entries(entry("bad", "nonsense"));
    let response = delete.send().await.unwrap();
    assert_eq!(response.successful()[0].id(), "good");
    assert_eq!(response.failed()[0].id(), "bad");
    assert!(response.failed()[0].sender_fault());
    assert_eq!(stack.counts(&queue).await, [0, 0, 0]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
async fn an_entry_fails_alone(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let send = stack.sqs.send_message_batch().queue_url(&queue.url);
    let response = send.entries(entry("a", "good")).entries(entry("b", "\u{1}")).send().await.unwrap();
    assert_eq!(response.successful()[0].id(), "a");
    assert_eq!(response.failed()[0].id(), "b");
    assert_eq!(response.failed()[0].code(), "InvalidMessageContents");
    assert_eq!(bodies(&stack.receive(&queue).await), ["good"]);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
async fn a_message_may_have_one_mebibyte(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let send = |n: usize| stack.sqs.send_message().queue_url(&queue.url).message_body("x".repeat(n)).send();
    send(1_048_576).await.unwrap();
    assert_eq!(code(send(1_048_577).await), "InvalidParameterValue");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
async fn a_batch_may_have_one_mebibyte_together(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let send = |n: usize| {
        let half = "x".repeat(n);
        let send = stack.sqs.send_message_batch().queue_url(&queue.url);
        send.entries(entry("a", &half)).entries(entry("b", &half)).send()
    };
    send(524_288).await.unwrap();
    assert_eq!(code(send(524_289).await), "AWS.SimpleQueueService.BatchRequestTooLong");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
async fn a_queue_can_set_a_smaller_limit(stack: Stack) {
    let limit = aws_sdk_sqs::types::QueueAttributeName::MaximumMessageSize;
    let queue = stack.queue("q", &[(limit, "1024")]).await;
    let send = |n: usize| stack.sqs.send_message().queue_url(&queue.url).message_body("x".repeat(n)).send();
    send(1024).await.unwrap();
    assert_eq!(code(send(1025).await), "InvalidParameterValue");
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html>
async fn an_attribute_holds_the_characters_of_a_body(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let send = |value: &str| {
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap();
        let send = stack.sqs.send_message().queue_url(&queue.url).message_body("x");
        send.message_attributes("source", attribute).send()
    };
    for bad in ["\u{0}", "x\u{1F}", "\u{FFFE}", "\u{FFFF}"] {
        assert_eq!(code(send(bad).await), "InvalidMessageContents", "{bad:?}");
    }
    send("\t\n\r\u{7F}\u{FFFD}\u{10FFFF}").await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
async fn any_entry_can_fail(stack: Stack) {
    let queue = stack.queue("q", &[]).await;
    let middle = |operation: &str| {
        let fault = Fault::new("SQS", operation, FaultKind::EntriesFail(Entries::At(vec![1]))).times(1);
        stack.aws().faults().inject(fault)
    };
    middle("SendMessageBatch");
    let send = stack.sqs.send_message_batch().queue_url(&queue.url);
    let send = send.entries(entry("a", "1")).entries(entry("b", "2")).entries(entry("c", "3")).send().await.unwrap();
    let failed: Vec<_> = send.failed().iter().map(|e| (e.id(), e.sender_fault())).collect();
    assert_eq!((failed, send.successful().len()), (vec![("b", false)], 2));
    stack.send(&queue, "2").await;
    let messages = stack.receive(&queue).await;
    assert_eq!(bodies(&messages), ["1", "2", "3"]);

    let handles = || messages.iter().enumerate().map(|(n, m)| (n.to_string(), m.receipt_handle().unwrap()));
    middle("ChangeMessageVisibilityBatch");
    let change = handles().map(|(id, handle)| {
        let change = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        change.visibility_timeout(60).build().unwrap()
    });
    let change = stack.sqs.change_message_visibility_batch().queue_url(&queue.url).set_entries(Some(change.collect()));
    let change = change.send().await.unwrap();
    assert_eq!((change.failed()[0].id(), change.successful().len()), ("1", 2));

    middle("DeleteMessageBatch");
    let delete = handles()
        .map(|(id, handle)| DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap());
    let delete = stack.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(delete.collect()));
    let delete = delete.send().await.unwrap();
    assert_eq!((delete.failed()[0].id(), delete.successful().len()), ("1", 2));
    assert_eq!(stack.counts(&queue).await, [0, 1, 0]);
}

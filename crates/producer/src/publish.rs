//! Publishes messages in order, and says where it had to stop.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use cellstack_core::aws::chain;

use crate::batch::cut;
use crate::decode::Outgoing;

/// Publishes all of `messages`, a batch at a time. Stops at the first batch that does not pass whole: Lambda comes back
/// with everything from the lowest failed record on, so whatever else was published now would be published twice.
///
/// # Errors
/// The position of the first message that was not published (all before it were), and why.
pub(crate) async fn publish(client: &Client, topic: &str, messages: &[Outgoing]) -> Result<(), (usize, String)> {
    let sizes: Vec<usize> = messages.iter().map(Outgoing::size).collect();
    for batch in cut(&sizes) {
        let first = batch.start;
        let fifo = topic.ends_with(".fifo");
        let entries = batch.map(|at| entry(at, &messages[at], fifo)).collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|error| (first, error.to_string()))?;
        let sent =
            client.publish_batch().topic_arn(topic).set_publish_batch_request_entries(Some(entries)).send().await;
        let answer = sent.map_err(|error| {
            let reason = match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                _ => chain(&error),
            };
            (first, reason)
        })?;
        // A 200 may hold failed entries. One whose id can't be read counts as the first, so that nothing is skipped.
        let failed = answer.failed().iter().map(|failed| {
            let at = failed.id().parse().unwrap_or(first);
            (at, format!("{}: {}", failed.code(), failed.message().unwrap_or_default()))
        });
        if let Some(lowest) = failed.min() {
            return Err(lowest);
        }
    }
    Ok(())
}

fn entry(at: usize, message: &Outgoing, fifo: bool) -> Result<PublishBatchRequestEntry, BuildError> {
    let attribute = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
    PublishBatchRequestEntry::builder()
        // The entry's position among all messages, so that a failure names its record.
        .id(at.to_string())
        .message(message.body.clone())
        .message_attributes("type", attribute(message.event_type.as_str())?)
        .message_attributes("tenantid", attribute(message.tenant.as_str())?)
        // A FIFO topic keeps each group in order; a standard one hands the group on to its queue, which serves the
        // groups fairly (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html).
        .message_group_id(message.tenant.as_str())
        .set_message_deduplication_id(fifo.then(|| message.id.to_string()))
        .build()
}

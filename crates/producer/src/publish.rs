//! Publishing of messages, up to the first that fails.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use cellstack_aws::chain;
use cellstack_core::limits::OPERATION_TIMEOUT;
use cellstack_core::message::deduplication_id;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

use crate::decode::Outgoing;
use crate::schedule::Schedule;

/// The message at which publishing stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The place of the first message that was not published: all before it were.
    pub(crate) at: usize,
    pub(crate) reason: String,
}

/// Publishes all of `messages`, one batch at a time. On a FIFO topic several batches run at once, none with two
/// messages of one tenant. Starts no batch whose response may come after `deadline`.
///
/// # Errors
/// [`Stopped`] names the message at which it had to stop, and the reason.
pub(crate) async fn publish(
    client: &Client,
    topic: &str,
    messages: &[Outgoing],
    deadline: Instant,
) -> Result<(), Stopped> {
    let fifo = topic.ends_with(".fifo");
    let mut schedule = Schedule::new(messages, fifo);
    let mut under_way = FuturesUnordered::new();
    let mut reason = "out of time".to_owned();
    loop {
        while under_way.len() < schedule.calls() && Instant::now() + OPERATION_TIMEOUT < deadline {
            let batch = schedule.next_batch();
            if batch.is_empty() {
                break;
            }
            under_way.push(async move { (publish_batch(client, topic, fifo, messages, &batch).await, batch) });
        }
        let Some((failed, batch)) = under_way.next().await else { break };
        if let Some((_, why)) = failed.first() {
            reason.clone_from(why);
        }
        schedule.finish(&batch, &failed.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    }
    schedule.unpublished().map_or(Ok(()), |at| Err(Stopped { at, reason }))
}

/// Publishes one batch. Returns the places of the messages that failed, with the reasons.
async fn publish_batch(
    client: &Client,
    topic: &str,
    fifo: bool,
    messages: &[Outgoing],
    batch: &[usize],
) -> Vec<(usize, String)> {
    let all = |reason: String| batch.iter().map(|at| (*at, reason.clone())).collect();
    let entries = batch.iter().map(|at| entry(*at, &messages[*at], fifo)).collect::<Result<Vec<_>, _>>();
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => return all(error.to_string()),
    };
    let sent = client.publish_batch().topic_arn(topic).set_publish_batch_request_entries(Some(entries)).send().await;
    let response = match sent {
        Ok(response) => response,
        Err(error) => {
            return all(match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                _ => chain(&error),
            });
        }
    };
    // A 200 may hold failed entries. Only an entry that is named as successful counts, so none is skipped.
    let passed: Vec<usize> = response.successful().iter().filter_map(|entry| entry.id()?.parse().ok()).collect();
    let failed = batch.iter().filter(|at| !passed.contains(at)).map(|at| {
        let named = response.failed().iter().find(|failed| failed.id().parse() == Ok(*at));
        let reason = named.map(|failed| format!("{}: {}", failed.code(), failed.message().unwrap_or_default()));
        (*at, reason.unwrap_or_else(|| "the response does not name it".to_owned()))
    });
    failed.collect()
}

fn entry(at: usize, message: &Outgoing, fifo: bool) -> Result<PublishBatchRequestEntry, BuildError> {
    let attribute = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
    PublishBatchRequestEntry::builder()
        // The id is the entry's place among all messages, so that a failure names its record.
        .id(at.to_string())
        .message(message.body.clone())
        .message_attributes("type", attribute(message.event_type.as_str())?)
        .message_attributes("tenantid", attribute(message.tenant.as_str())?)
        // A FIFO topic keeps each group in order. A standard topic passes the group on to its queue, which serves the
        // groups fairly
        // (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html).
        .message_group_id(message.tenant.as_str())
        .set_message_deduplication_id(fifo.then(|| deduplication_id(&message.tenant, message.id)))
        .build()
}

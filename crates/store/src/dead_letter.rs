//! The path of dead letters to a queue.

use aws_sdk_sqs::Client;
use cellstack_aws::AwsFailure;
use cellstack_core::TenantId;
use cellstack_core::dead_letter::DeadLetter;
use cellstack_core::hex::sha256;
use cellstack_core::limits::MAX_DEAD_LETTER;

/// Sends a letter to a queue. In a FIFO queue the letters of a tenant stay in order. A letter that does not fit the queue, since
/// its original is large and can hardly be compressed, is sent as its original: its reason is logged.
///
/// # Errors
/// When not even the original fits the queue, or the queue can't be reached.
pub async fn send(letter: &DeadLetter, client: &Client, queue_url: &str) -> Result<(), AwsFailure> {
    const WHAT: &str = "send a dead letter";
    let body = match letter.encode() {
        Ok(body) => body,
        // It came in a message, so it fits one.
        Err(error) if letter.original.len() <= MAX_DEAD_LETTER => {
            tracing::warn!(%error, reason = %letter.reason, detail = letter.detail, "sent as its original");
            letter.original.clone()
        }
        Err(error) => return Err(AwsFailure::unreadable(WHAT, error.to_string())),
    };
    let deduplication = sha256(&body);
    let mut message = client.send_message().queue_url(queue_url).message_body(body);
    if queue_url.ends_with(".fifo") {
        let group = letter.tenant.as_ref().map_or("unknown", TenantId::as_str);
        // The deduplication id is the letter's hash: two letters must never count as one.
        message = message.message_group_id(group).message_deduplication_id(deduplication);
    }
    message.send().await.map(drop).map_err(|error| AwsFailure::of(WHAT, error))
}

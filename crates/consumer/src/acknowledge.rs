//! Deletion of messages that are done, ahead of the response.

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use cellstack_aws::chain;

use crate::handler::Consumer;
use crate::invocation::Invocation;

/// Most entries of one `DeleteMessageBatch`
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>).
const DELETE_BATCH: usize = 10;

impl<P, A> Consumer<P, A> {
    /// Deletes the messages that are done from the queue, so that an event which ends the process does not take others'
    /// acknowledgements with it. The response acknowledges the same messages once more, and Lambda deletes them again:
    /// deleting a message that is gone succeeds
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>). A message that
    /// can't be deleted now is found done when it comes again.
    pub(crate) async fn delete_done(&self, invocation: &Invocation) {
        for messages in invocation.undeleted().chunks(DELETE_BATCH) {
            let entry = |(at, receipt): &(usize, &crate::batch::Receipt)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
                entry.receipt_handle(&receipt.handle).build()
            };
            let entries = messages.iter().map(entry).collect::<Result<Vec<_>, _>>();
            let Ok(entries) = entries else { continue };
            let batch = self.clients.sqs.delete_message_batch().queue_url(&self.settings.queue_url);
            match batch.set_entries(Some(entries)).send().await {
                Ok(deleted) => {
                    let deleted = deleted.successful().iter().filter_map(|entry| entry.id().parse().ok());
                    deleted.for_each(|at| invocation.deleted(at));
                }
                Err(error) => tracing::warn!(error = chain(&error), "messages are not deleted yet"),
            }
        }
    }
}

//! Word to the queue ahead of the response: messages that are done are deleted, those that were not begun are put back.

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};
use cellstack_aws::chain;

use crate::batch::{Lane, Receipt};
use crate::handler::Consumer;
use crate::invocation::Invocation;

/// Most entries of one `DeleteMessageBatch` and one `ChangeMessageVisibilityBatch`
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>).
const BATCH: usize = 10;

impl<P, A> Consumer<P, A> {
    /// Deletes the messages that are done from the queue, so that an event which ends the process does not take others'
    /// acknowledgements with it. The response acknowledges the same messages once more, and Lambda deletes them again:
    /// deleting a message that is gone succeeds
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>). A message that
    /// can't be deleted now is found done when it comes again.
    pub(crate) async fn delete_done(&self, invocation: &Invocation) {
        for messages in invocation.undeleted().chunks(BATCH) {
            let entry = |(at, receipt): &(usize, &Receipt)| {
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

    /// Puts back what a tenant's events left no time for, where order is kept: the tenant would else wait for the visibility
    /// timeout once per invocation. Only a lane of which events are done is put back, so that no message comes again and again
    /// for nothing; a queue dead-letters those that come too often.
    pub(crate) async fn put_back(&self, invocation: &Invocation, lanes: impl Iterator<Item = &Lane>) {
        let not_begun: Vec<(usize, &Receipt)> = lanes.flat_map(|lane| invocation.not_begun(lane)).collect();
        for messages in not_begun.chunks(BATCH) {
            let entry = |(at, receipt): &(usize, &Receipt)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
                entry.receipt_handle(&receipt.handle).visibility_timeout(0).build()
            };
            let Ok(entries) = messages.iter().map(entry).collect::<Result<Vec<_>, _>>() else { continue };
            let batch = self.clients.sqs.change_message_visibility_batch().queue_url(&self.settings.queue_url);
            if let Err(error) = batch.set_entries(Some(entries)).send().await {
                tracing::warn!(error = chain(&error), "messages come again after the visibility timeout");
            }
        }
    }
}

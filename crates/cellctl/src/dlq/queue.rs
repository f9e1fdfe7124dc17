//! One dead-letter queue.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName};
use aws_smithy_types::timeout::TimeoutConfig;
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_core::dead_letter::Place;

use super::{Filter, Found};
use crate::cells::queue::{Size, size};
use crate::deployment::Deployment;
use cellstack_store::cells::Cell;
use tokio_util::sync::CancellationToken;

/// All places, in the order in which an event passes them.
pub(crate) const PLACES: [Place; 3] = [Place::Stream, Place::Topic, Place::Queue];

/// The time for which a letter in hand stays hidden from others. A run that is killed leaves it hidden for as long.
pub(crate) const HOLD: Duration = Duration::from_secs(120);
/// The time for which a receive waits: one that waits asks every server of the queue, one that does not asks some
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
const WAIT: Duration = Duration::from_secs(1);
/// The longest time for which SQS hides a message.
const LONGEST_HOLD: Duration = Duration::from_secs(12 * 3_600);

/// A dead-letter queue of a cell, with its client.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterQueue {
    client: Client,
    url: String,
    stop: CancellationToken,
    pub(crate) cell: CellId,
    pub(crate) place: Place,
}

/// Returns the dead-letter queues of cells that a filter wants.
pub(crate) fn queues(deployment: &Deployment, cells: &[Cell], filter: &Filter) -> Vec<DeadLetterQueue> {
    let of = |cell: &Cell| {
        PLACES
            .into_iter()
            .filter(|place| filter.wants(*place))
            .map(|place| DeadLetterQueue {
                client: deployment.sqs.clone(),
                url: cell.dead_letters(place).to_owned(),
                stop: deployment.stop().clone(),
                cell: cell.id.clone(),
                place,
            })
            .collect::<Vec<_>>()
    };
    cells.iter().flat_map(of).collect()
}

impl DeadLetterQueue {
    /// Returns the queue's name.
    pub(crate) fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or(&self.url)
    }

    /// Returns whether the queue delivers letters of one tenant in order, ten at once at most, and none while one of
    /// them is in hand.
    pub(crate) fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }

    /// Returns whether somebody wants the run to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Reads SQS's count of the queue's messages.
    pub(crate) async fn size(&self) -> Result<Size, AwsFailure> {
        size(&self.client, &self.url).await
    }

    /// Takes up to ten letters in hand, for [`HOLD`]. An empty list means that no more letters can be received.
    pub(crate) async fn receive(&self) -> Result<Vec<Found>, AwsFailure> {
        // Longer than the clients' own time-outs, which need not allow for the wait.
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(WAIT + Duration::from_secs(5))
            .operation_timeout(WAIT + Duration::from_secs(15))
            .build();
        let response = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(seconds(HOLD))
            .wait_time_seconds(seconds(WAIT))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names("All")
            .customize()
            .config_override(aws_sdk_sqs::config::Config::builder().timeout_config(patience))
            .send()
            .await
            .map_err(|error| AwsFailure::of("receive dead letters", error))?;
        let messages = response.messages.unwrap_or_default();
        Ok(messages.into_iter().map(|message| Found::read(message, &self.cell, self.place)).collect())
    }

    /// Keeps a letter in hand for longer.
    pub(crate) async fn hold(&self, receipt: &str, time: Duration) -> Result<(), AwsFailure> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(time.min(LONGEST_HOLD)))
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsFailure::of("keep a dead letter in hand", error))
    }

    /// Deletes a letter. One that is gone already is not an error.
    pub(crate) async fn delete(&self, receipt: &str) -> Result<(), AwsFailure> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsFailure::of("delete a dead letter", error))
    }

    /// Gives letters back, so that others can receive them at once. If that fails, they come back by themselves after
    /// [`HOLD`].
    pub(crate) async fn give_back(&self, receipts: &[String]) {
        for chunk in receipts.chunks(10) {
            let entry = |(at, receipt): (usize, &String)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(at.to_string())
                    .receipt_handle(receipt)
                    .visibility_timeout(0)
                    .build()
                    .ok()
            };
            let entries: Vec<_> = chunk.iter().enumerate().filter_map(entry).collect();
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            let _ = request.set_entries(Some(entries)).send().await;
        }
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

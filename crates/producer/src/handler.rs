//! One batch of stream records.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cellstack_core::config::{ConfigError, var};
use cellstack_core::limits::RESPONSE_RESERVE;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{CellId, Clock};
use tokio::time::{Instant, timeout_at};

use crate::StreamEvent;
use crate::decode::{Decision, Origin, decide};
use crate::publish::publish;

/// Settings of a producer.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cell that it works in.
    pub cell: CellId,
    /// The cell's topic.
    pub topic_arn: String,
    /// The URL of the queue for records that can't be read.
    pub dlq_url: String,
}

impl Settings {
    /// Reads `CELLSTACK_CELL_ID`, `CELLSTACK_TOPIC_ARN` and `CELLSTACK_DLQ_URL`.
    ///
    /// When a setting is missing or wrong.
    /// When one is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            cell: var("CELLSTACK_CELL_ID", "the id of the cell this function belongs to")?,
            topic_arn: var("CELLSTACK_TOPIC_ARN", "the ARN of the cell's topic")?,
            dlq_url: var("CELLSTACK_DLQ_URL", "the URL of the stream's dead-letter queue")?,
        })
    }
}

/// The clients that a producer calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The cell's topic.
    pub sns: aws_sdk_sns::Client,
    /// The stream's dead-letter queue.
    pub sqs: aws_sdk_sqs::Client,
}

/// The producer of a cell.
#[derive(Debug)]
pub struct Producer<A> {
    pub(crate) clients: Clients,
    pub(crate) settings: Settings,
    pub(crate) clock: A,
}

impl<A: Clock> Producer<A> {
    /// Returns a producer.
    pub const fn new(clients: Clients, settings: Settings, clock: A) -> Self {
        Self { clients, settings, clock }
    }

    /// Publishes the new events among the records and puts unreadable records into quarantine, within `time`, the rest
    /// of the function's own time. The response names the lowest record that did not pass, if any: Lambda continues
    /// there, even if a longer list names others
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
    pub async fn handle(&self, event: StreamEvent, time: Duration) -> DynamoDbEventResponse {
        let deadline = Instant::now() + time.saturating_sub(RESPONSE_RESERVE);
        let (mut messages, mut positions, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for (at, record) in event.records.iter().enumerate() {
            // A record that crashes the decoder would block its shard until its age runs out, so it counts as
            // unreadable, too.
            let decision = catch_unwind(AssertUnwindSafe(|| decide(record, &self.settings.cell)));
            match decision.unwrap_or_else(|_| Decision::Undecodable("it crashed the decoder".to_owned())) {
                Decision::Publish(message) => {
                    messages.push(message);
                    positions.push(at);
                }
                Decision::Ignore => {}
                Decision::Undecodable(reason) => unreadable.push((at, reason)),
            }
        }
        let published = publish(&self.clients.sns, &self.settings.topic_arn, &messages, deadline).await;
        let mut stopped = published.err().map(|stopped| (positions[stopped.at], stopped.reason));
        // Records behind the one where publishing stopped come again with it.
        unreadable.retain(|(at, _)| stopped.as_ref().is_none_or(|(stopped, _)| at < stopped));
        for (at, reason) in unreadable {
            let record = &event.records[at];
            let quarantined = timeout_at(deadline, self.quarantine(record, &Origin::of(record), &reason)).await;
            let failed =
                quarantined.map_or_else(|_| Some("out of time".to_owned()), |done| Some(done.err()?.to_string()));
            if let Some(reason) = failed {
                stopped = Some((at, reason));
                break;
            }
        }
        if is_planted(Mutation::PartialFailureDropped) {
            stopped = None;
        }
        let mut response = DynamoDbEventResponse::default();
        if let Some((at, reason)) = &stopped {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Origin::of(&event.records[*at]).sequence;
            tracing::warn!(sequence = failure.item_identifier, reason, "a record did not pass");
            response.batch_item_failures.push(failure);
        }
        tracing::info!(records = event.records.len(), events = messages.len(), failed = stopped.is_some(), "batch");
        response
    }
}

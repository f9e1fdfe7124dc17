//! One batch of stream records.

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_sns::Client;
use cellstack_core::CellId;
use cellstack_core::config::{ConfigError, var};

use crate::decode::{Decision, decide};
use crate::publish::publish;

/// What a producer is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cell it works in.
    pub cell: CellId,
    /// The cell's topic.
    pub topic_arn: String,
}

impl Settings {
    /// Reads `CELLSTACK_CELL_ID` and `CELLSTACK_TOPIC_ARN`.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            cell: var("CELLSTACK_CELL_ID", "the id of the cell this function belongs to")?,
            topic_arn: var("CELLSTACK_TOPIC_ARN", "the ARN of the cell's topic")?,
        })
    }
}

/// The producer of a cell.
#[derive(Debug)]
pub struct Producer {
    client: Client,
    settings: Settings,
}

impl Producer {
    /// A producer.
    #[must_use]
    pub const fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings }
    }

    /// Publishes the new events among the records. The answer names the lowest record that did not pass, if any:
    /// Lambda continues there, whatever else a longer list would say
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        let (mut messages, mut positions) = (Vec::new(), Vec::new());
        let mut stopped = None;
        for (at, record) in event.records.iter().enumerate() {
            match decide(record, &self.settings.cell) {
                Decision::Publish(message) => {
                    messages.push(message);
                    positions.push(at);
                }
                Decision::Ignore => {}
                Decision::Undecodable(reason) => {
                    stopped = Some((at, reason));
                    break;
                }
            }
        }
        if let Err((message, reason)) = publish(&self.client, &self.settings.topic_arn, &messages).await {
            stopped = Some((positions[message], reason));
            messages.truncate(message);
        }
        let mut response = DynamoDbEventResponse::default();
        if let Some((at, reason)) = &stopped {
            let sequence = event.records[*at].change.sequence_number.clone();
            tracing::warn!(sequence, reason, "a record did not pass");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence;
            response.batch_item_failures.push(failure);
        }
        tracing::info!(records = event.records.len(), published = messages.len(), failed = stopped.is_some(), "batch");
        response
    }
}

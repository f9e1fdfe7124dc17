//! Settings of a consumer, and the clients it calls.

use std::num::NonZeroU32;
use std::time::Duration;

use cellstack_core::CellId;
use cellstack_core::config::{ConfigError, optional, var};
use cellstack_core::limits::pipeline::{EVENT_TIMEOUT, MAX_TRIES};

/// Settings of a consumer.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cell that it works in.
    pub cell: CellId,
    /// The cell's table.
    pub table: String,
    /// The URL of the cell's queue. The consumer deletes messages from it before it runs an event that may end the
    /// process.
    pub queue_url: String,
    /// The URL of the cell's dead-letter queue.
    pub dlq_url: String,
    /// Tries of an event before it is dead-lettered.
    pub max_tries: u32,
    /// Longest time that one call of the processor may take.
    pub event_timeout: Duration,
}

impl Settings {
    /// Reads `CELLSTACK_CELL_ID`, `CELLSTACK_TABLE`, `CELLSTACK_QUEUE_URL`, `CELLSTACK_DLQ_URL`, and, where they are
    /// set, `CELLSTACK_MAX_TRIES` and `CELLSTACK_EVENT_TIMEOUT_MS`.
    ///
    /// # Errors
    /// When a setting is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        let tries: Option<NonZeroU32> =
            optional("CELLSTACK_MAX_TRIES", "the number of tries of an event before it is dead-lettered, at least 1")?;
        let timeout: Option<NonZeroU32> =
            optional("CELLSTACK_EVENT_TIMEOUT_MS", "the milliseconds that one event may take, at least 1")?;
        Ok(Self {
            cell: var("CELLSTACK_CELL_ID", "the id of the cell this function belongs to")?,
            table: var("CELLSTACK_TABLE", "the name of the cell's table")?,
            queue_url: var("CELLSTACK_QUEUE_URL", "the URL of the cell's queue")?,
            dlq_url: var("CELLSTACK_DLQ_URL", "the URL of the cell's dead-letter queue")?,
            max_tries: tries.map_or(MAX_TRIES, NonZeroU32::get),
            event_timeout: timeout.map_or(EVENT_TIMEOUT, |ms| Duration::from_millis(ms.get().into())),
        })
    }
}

/// The clients that a consumer calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The cell's table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The cell's queue and dead-letter queue.
    pub sqs: aws_sdk_sqs::Client,
}

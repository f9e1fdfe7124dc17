//! Event source mappings: from a stream or a queue to a function.

mod control;
mod destination;
mod invoke;
mod queue;
mod queue_event;
mod response;
mod stream;
mod stream_batch;

use std::time::Duration;

pub use control::MappingHandle;
pub(crate) use queue::start as start_queue;
pub(crate) use stream::start as start_stream;

/// The most bytes of an invocation's payload.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The reason why a mapping cannot be made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// The table does not exist or has no stream.
    #[error("no stream: {0}")]
    NoStream(String),
    /// There is no such queue.
    #[error("no queue {0:?}")]
    NoQueue(String),
    /// A setting is out of the range AWS accepts.
    #[error("{setting} must be {range}")]
    OutOfRange {
        /// Name of the setting.
        setting: &'static str,
        /// The range that AWS accepts.
        range: &'static str,
    },
    /// A filter pattern does not compile.
    #[error("filter pattern: {0}")]
    Pattern(String),
}

/// The position at which a stream mapping begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartingPosition {
    /// At the oldest record there is.
    TrimHorizon,
    /// With the first record after now.
    Latest,
    /// After this sequence number: continues where another mapping's [`MappingHandle::checkpoint`] was. AWS has no such
    /// position for DynamoDB; there, a mapping keeps its checkpoint itself.
    After(String),
}

/// A DynamoDB stream as event source. The defaults are AWS's, which retry for ever: set `max_retries` and
/// `max_record_age` as the function's Terraform does.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StreamMapping {
    /// Table name or stream ARN.
    pub table: String,
    /// Short name of the function, for observations, faults and ARNs.
    pub function: String,
    /// The most records per batch, 1 to 10,000.
    pub batch_size: usize,
    /// The time to gather records for a batch, up to 300 s.
    pub window: Duration,
    /// Batches of one shard processed at once, 1 to 10; records of one item stay in order.
    pub parallelization_factor: u32,
    /// The position at which to begin.
    pub starting_position: StartingPosition,
    /// Filter patterns; a record that matches none of them is skipped. Empty: all pass.
    pub filters: Vec<String>,
    /// True if the response's `batchItemFailures` count.
    pub report_batch_item_failures: bool,
    /// True if a batch whose invocation failed is split in two.
    pub bisect_batch_on_function_error: bool,
    /// Retries after a function error; `None`: until the records expire.
    pub max_retries: Option<u32>,
    /// The age from which records are discarded; `None`: after 24 h, with the stream.
    pub max_record_age: Option<Duration>,
    /// ARN of the queue that gets the metadata of discarded records.
    pub on_failure: Option<String>,
    /// The function's timeout.
    pub function_timeout: Duration,
}

impl StreamMapping {
    /// Returns a mapping with AWS's defaults: 100 records, no window, from the trim horizon, retries for ever.
    pub fn new(table: &str, function: &str) -> Self {
        Self {
            table: table.into(),
            function: function.into(),
            batch_size: 100,
            window: Duration::ZERO,
            parallelization_factor: 1,
            starting_position: StartingPosition::TrimHorizon,
            filters: Vec::new(),
            report_batch_item_failures: false,
            bisect_batch_on_function_error: false,
            max_retries: None,
            max_record_age: None,
            on_failure: None,
            function_timeout: Duration::from_secs(30),
        }
    }

    fn check(&self) -> Result<(), MappingError> {
        let out = |setting, range| Err(MappingError::OutOfRange { setting, range });
        if !(1..=10_000).contains(&self.batch_size) {
            return out("batch_size", "1 to 10,000");
        }
        if self.window > Duration::from_secs(300) {
            return out("window", "at most 300 s");
        }
        if !(1..=10).contains(&self.parallelization_factor) {
            return out("parallelization_factor", "1 to 10");
        }
        if self.max_retries.is_some_and(|n| n > 10_000) {
            return out("max_retries", "at most 10,000");
        }
        Ok(())
    }
}

/// An SQS queue as event source, with AWS's defaults.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QueueMapping {
    /// Name, URL or ARN of the queue.
    pub queue: String,
    /// Short name of the function, for observations, faults and ARNs.
    pub function: String,
    /// The most messages per batch: 1 to 10, with a window of at least 1 s up to 10,000 (FIFO: 10).
    pub batch_size: usize,
    /// The time to gather messages for a batch, up to 300 s (FIFO: 0).
    pub window: Duration,
    /// Invocations at once, 2 to 1,000; `None`: 1,000.
    pub max_concurrency: Option<usize>,
    /// True if the response's `batchItemFailures` count.
    pub report_batch_item_failures: bool,
    /// The function's timeout.
    pub function_timeout: Duration,
}

impl QueueMapping {
    /// Returns a mapping with AWS's defaults: 10 messages, no window.
    pub fn new(queue: &str, function: &str) -> Self {
        Self {
            queue: queue.into(),
            function: function.into(),
            batch_size: 10,
            window: Duration::ZERO,
            max_concurrency: None,
            report_batch_item_failures: false,
            function_timeout: Duration::from_secs(30),
        }
    }

    fn check(&self) -> Result<(), MappingError> {
        let out = |setting, range| Err(MappingError::OutOfRange { setting, range });
        let fifo = self.queue.ends_with(".fifo");
        if !(1..=10_000).contains(&self.batch_size)
            || (self.batch_size > 10 && (fifo || self.window < Duration::from_secs(1)))
        {
            return out("batch_size", "1 to 10, with a window of at least 1 s 1 to 10,000 (FIFO: 10)");
        }
        if self.window > Duration::from_secs(300) || (fifo && !self.window.is_zero()) {
            return out("window", "at most 300 s, and 0 for a FIFO queue");
        }
        if self.max_concurrency.is_some_and(|n| !(2..=1000).contains(&n)) {
            return out("max_concurrency", "2 to 1,000");
        }
        Ok(())
    }
}

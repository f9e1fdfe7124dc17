//! Every limit, timeout and default in one place, each with its reason.
//!
//! The defaults of Terraform's variables repeat [`pipeline`]; a test compares the two.

use std::time::Duration;

/// Longest tenant id, in bytes. It is a partition key, a message attribute and a FIFO group id (SQS allows 128 there).
pub const MAX_TENANT_ID: usize = 128;
/// Longest cell id, in bytes. Function names (64 at most) carry the prefix, the cell id and a role.
pub const MAX_CELL_ID: usize = 20;
/// Longest event type, in bytes. It is a message attribute and part of the sort key of a total.
pub const MAX_EVENT_TYPE: usize = 128;
/// Longest `Idempotency-Key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;
/// Deepest nesting of arrays and objects in a body: what is stored must stay readable to any JSON parser behind us.
pub const MAX_JSON_DEPTH: usize = 64;
/// Largest request body the router reads, in bytes.
pub const MAX_BODY: usize = 224 * 1024;
/// Largest CloudEvent that is accepted, in bytes as published, message attributes included. SNS and SQS take 256 KiB
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>); the rest is a reserve for their own framing.
pub const MAX_MESSAGE: usize = 254 * 1024;

/// Largest dead letter, in bytes: a queue takes 256 KiB, less what the service adds.
pub const MAX_DEAD_LETTER: usize = 255 * 1024;
/// Longest reason that is kept with a failed event or in a letter, in bytes.
pub const MAX_REASON: usize = 1_024;
/// Largest original that is unpacked from a letter, in bytes: a stream record has two images of 400 KB at most.
pub const MAX_ORIGINAL: u64 = 8 * 1024 * 1024;

/// Age below which a cached tenant mapping is fresh. A longer lease makes a tenant move wait longer and saves reads.
pub const TENANT_LEASE: Duration = Duration::from_secs(300);
/// Age below which a cached cell record (its table and its status) is fresh.
pub const CELL_LEASE: Duration = Duration::from_secs(10);
/// How long "no such tenant" is remembered: long enough to blunt a flood, short enough for a tenant just placed.
pub const NOT_FOUND_LEASE: Duration = Duration::from_secs(2);
/// Cached tenants per router environment; about 300 bytes each.
pub const TENANT_CACHE: usize = 20_000;
/// Cached cells per router environment.
pub const CELL_CACHE: usize = 1_000;

/// One try of one AWS call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// One AWS call with all its retries. The router makes at most three in a row, which leaves it time to answer.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(2_500);
/// Tries of one AWS call, the first included.
pub const MAX_ATTEMPTS: u32 = 3;
/// What a function keeps of its time to answer and to report what is undone.
pub const ANSWER_RESERVE: Duration = Duration::from_millis(1_000);
/// What a `503` asks the caller to wait.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Most actions in one `TransactWriteItems`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub const MAX_TRANSACTION: usize = 100;
/// Tries of one tenant's transaction in the consumer before its messages go back to the queue.
pub const TRANSACTION_TRIES: u32 = 5;
/// Entries and bytes of one `PublishBatch` (<https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>).
pub const PUBLISH_BATCH_ENTRIES: usize = 10;
/// Bytes of one `PublishBatch`, all entries together.
pub const PUBLISH_BATCH_BYTES: usize = 256 * 1024;

/// Settings of a cell's pipeline. Terraform's variables have the same defaults.
pub mod pipeline {
    use std::time::Duration;

    /// Records a producer invocation takes.
    pub const STREAM_BATCH: usize = 100;
    /// Retries of a failing stream batch before it goes to the on-failure destination: the most there are, so that the
    /// records' age decides. Retries come within seconds of each other, and a topic that refuses counts as a failure
    /// each time; a small number would empty the stream into the dead-letter queue within minutes of an outage.
    pub const STREAM_RETRIES: u32 = 10_000;
    /// Oldest stream record that is still tried.
    pub const STREAM_RECORD_AGE: Duration = Duration::from_secs(21_600);
    /// Messages a consumer invocation takes.
    pub const QUEUE_BATCH: usize = 10;
    /// Consumers of one cell at once.
    pub const QUEUE_CONCURRENCY: usize = 10;
    /// Receives of a message before it goes to the dead-letter queue.
    pub const MAX_RECEIVES: u32 = 5;
    /// Function time-out of the router.
    pub const ROUTER_TIMEOUT: Duration = Duration::from_secs(10);
    /// Function time-out of the producer.
    pub const PRODUCER_TIMEOUT: Duration = Duration::from_secs(30);
    /// Function time-out of the consumer.
    pub const CONSUMER_TIMEOUT: Duration = Duration::from_secs(30);
    /// Six times the consumer's time-out
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
    pub const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(180);
    /// Retention of a queue.
    pub const QUEUE_RETENTION: Duration = Duration::from_secs(4 * 86_400);
    /// Retention of a dead-letter queue: longer, since a message keeps its first enqueue time when it moves there.
    pub const DLQ_RETENTION: Duration = Duration::from_secs(14 * 86_400);
}

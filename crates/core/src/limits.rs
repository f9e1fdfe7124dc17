//! Every limit, timeout and default in one place, each with its reason.
//!
//! The defaults of Terraform's variables repeat [`pipeline`]; a test compares the two.

mod snapshot;

use std::time::Duration;

pub use self::snapshot::*;

/// Longest tenant id, in bytes. It is a partition key, a message attribute and a FIFO group id (SQS allows 128 there).
pub const MAX_TENANT_ID: usize = 128;
/// Longest cell id, in bytes. Function names (64 at most) carry the prefix, the cell id and a role.
pub const MAX_CELL_ID: usize = 20;
/// Longest event type, in bytes. It is a message attribute and part of the sort key of a total.
pub const MAX_EVENT_TYPE: usize = 128;
/// Longest `Idempotency-Key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;
/// Deepest nesting of arrays and objects in a body: stored data must stay readable to any JSON parser behind Cellstack.
pub const MAX_JSON_DEPTH: usize = 64;
/// Largest request body that the router reads, in bytes.
pub const MAX_BODY: usize = 224 * 1024;
/// Most events in one batch. With the overhead of each next to its data, the router serves so many well within its
/// time.
pub const MAX_BATCH: usize = 100;
/// Events of one batch that are written at once: each needs a connection, and holds its request's memory.
pub const BATCH_WRITES: usize = 10;
/// Largest request header section that the router reads, names and values together, in bytes. A function URL lets more
/// pass.
pub const MAX_HEADERS: usize = 16 * 1024;
/// Largest CloudEvent that is accepted, in bytes as published, message attributes included. SNS and SQS take 256 KiB
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>); the rest is a reserve for their own framing.
pub const MAX_MESSAGE: usize = 254 * 1024;

/// Largest dead letter, in bytes: a queue takes 256 KiB, less what the service adds.
pub const MAX_DEAD_LETTER: usize = 255 * 1024;
/// Longest reason that is stored with a failed event or in a letter, in bytes.
pub const MAX_REASON: usize = 1_024;
/// Largest original that is unpacked from a letter, in bytes: a stream record has two images of 400 KB at most.
pub const MAX_ORIGINAL: u64 = 8 * 1024 * 1024;

/// Age below which a cached route is fresh. A longer lease makes a tenant's move wait longer, and saves reads.
pub const TENANT_LEASE: Duration = Duration::from_secs(300);
/// Age below which a cached cell record (its table and its status) is fresh.
pub const CELL_LEASE: Duration = Duration::from_secs(10);
/// Age up to which the router believes the record of a cell that just failed. A failure is a reason to look whether the
/// cell is marked down by now. The bound keeps a dead cell's record from being read more than once per second by an
/// environment, under any load.
pub const FAILED_CELL_LEASE: Duration = Duration::from_secs(1);
/// Time for which "no such tenant" is remembered: long enough to blunt a flood, short enough for a tenant just placed.
pub const NOT_FOUND_LEASE: Duration = Duration::from_secs(2);
/// Age up to which the router believes that a tenant for which it has requested a cell has none. It is shorter than
/// [`NOT_FOUND_LEASE`]: a caller that repeats its request after [`RETRY_AFTER`] is served once the tenant is placed.
pub const UNPLACED_LEASE: Duration = Duration::from_millis(500);
/// Time for which the router remembers the state of a request for placement. It writes to a tenant's request once in this
/// time at most, however many calls name the tenant.
pub const PLACEMENT_REQUEST_LEASE: Duration = Duration::from_secs(5);
/// Time for which a request for placement counts. A request that got lost is made anew after it.
pub const PLACEMENT_REQUEST_RETENTION: Duration = Duration::from_secs(300);
/// Time for which the refusal of a request counts, before the next call for the tenant makes it anew.
pub const PLACEMENT_REFUSAL_RETENTION: Duration = Duration::from_secs(30);
/// Longest id of an HTTP request that a request for placement keeps, in bytes. A UUID has 36.
pub const MAX_REQUEST_ID: usize = 128;
/// Tenants per router environment that are remembered as not placed. They are kept apart from [`TENANT_CACHE`], so that
/// a loop over names evicts no route.
pub const NOT_FOUND_CACHE: usize = 1_000;
/// Cached tenants per router environment; about 300 bytes each.
pub const TENANT_CACHE: usize = 20_000;
/// Cached cells per router environment.
pub const CELL_CACHE: usize = 1_000;

/// Events in one page of a listing, unless its caller asks for another number.
pub const LIST_DEFAULT: u8 = 25;
/// Most events in one page of a listing.
pub const LIST_MAX: u8 = 100;
/// Events that one page of a filtered listing reads. The page may hold fewer events than the caller asked for.
pub const LIST_SCAN_LIMIT: i32 = 500;
/// Totals in one page, unless its caller asks for another number.
pub const TOTALS_DEFAULT: u16 = 100;
/// Most totals in one page: with the longest types some 250 KB, where a function URL returns 6 MB at most
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const TOTALS_MAX: u16 = 1_000;

/// Longest time that a request may wait until its event is done, in seconds. A request that waits holds an environment
/// of the router, and the work before and after the wait has to fit into the function's time, too.
pub const WAIT_MAX: u8 = 5;
const _: () = {
    let around = 2 * LOOKUP_TIMEOUT.as_millis() + 2 * CELL_TIMEOUT.as_millis() + RESPONSE_RESERVE.as_millis();
    assert!(WAIT_MAX as u128 * 1_000 + around <= pipeline::ROUTER_TIMEOUT.as_millis());
};

/// First pause before the router reads an awaited event again, for each read unit that the event takes; each further
/// pause is twice as long. A read of a replica takes half a unit, so a request that waits reads ten units in one second
/// at most.
pub const WAIT_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause between two reads, unless the event is so large that the first pause is longer.
pub const WAIT_PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// Time for which no request waits in a cell where the events of two tenants in a row were not done in time, as a multiple of the
/// time that the last one waited, at least; twice as long at most. A cell that has stalled holds a quarter of the time of the
/// environments that its callers wait in.
pub const VAIN_WAIT_PAUSE: u32 = 2;

/// Shortest wait that says something of a cell: most events are done before.
pub const VAIN_WAIT_MIN: Duration = Duration::from_secs(2);

/// Time for which a wait in vain is remembered.
pub const VAIN_WAIT_MEMORY: Duration = Duration::from_secs(60);

/// Largest position in a cursor, in bytes: a sort key, of 1,024 bytes at most, without its prefix
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const MAX_CURSOR: usize = 1_024 - "event#".len();

/// Time of one try to read the tenant map or the registry. They respond within some milliseconds, or something else
/// serves.
pub const LOOKUP_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(400);
/// Time to read the tenant map or the registry, with all retries.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Time for which the breaker of a failing dependency (the map, the registry, a cell) stays open after the first
/// failure. Each further failure doubles it.
pub const BREAKER_COOLDOWN_MIN: Duration = Duration::from_millis(1_000);
/// Longest time for which a breaker stays open. A cell that is back serves again within this and one probe, so it is
/// short. A dead cell costs one probe per environment in this time, so it is not shorter.
pub const BREAKER_COOLDOWN_MAX: Duration = Duration::from_secs(5);
/// Time of one try of one call from the router to a cell: some thirty times what DynamoDB takes.
pub const CELL_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(350);
/// Time of one call from the router to a cell, with all its tries. Each environment learns for itself that a cell is
/// slow. Until it has, each of the cell's requests holds an environment for this long: their number per second times
/// this must leave room for the others in the router's concurrency.
pub const CELL_TIMEOUT: Duration = Duration::from_millis(750);
/// Longest time between the moment a router decides on a write and the moment the write lands or never will. A move
/// waits this long after the last router's lease before it closes the fence, so the router's function may not have
/// more: Lambda ends it then. A write that was cancelled before is reset and not delivered later
/// (`aws/transport/connect.rs`).
pub const LONGEST_WRITE: Duration = Duration::from_secs(10);
const _: () = assert!(pipeline::ROUTER_TIMEOUT.as_millis() <= LONGEST_WRITE.as_millis());
/// Time of a probe: the one request that finds out whether a cell, the map or the registry is back.
pub const PROBE_TIMEOUT: Duration = CELL_ATTEMPT_TIMEOUT;
/// Longest pause before the router's second try of a call; twice as long before the third. The SDK's own pause, a
/// second, would use up all the time there is.
pub const RETRY_BACKOFF: Duration = Duration::from_millis(50);
/// Longest pause before the second try after a conflict with a transaction; twice as long before each further one. Some
/// transactions' length (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>).
pub const BACKOFF_BASE: Duration = Duration::from_millis(20);
/// Longest pause between two tries after conflicts.
pub const BACKOFF_CAP: Duration = Duration::from_millis(200);
/// Time in which a fence is opened or closed, conflicts with a busy tenant's writes included.
pub const FENCE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which standbys know that a cell's mark-down has ended. Lambda replaces a router's environment within hours.
pub const ENDED_MARK_RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Days for which the usage of a cell can be read, today included: a week has each kind of day.
pub const USAGE_DAYS: u8 = 7;
/// Time after which a probe's event expires: long enough to look at one that failed.
pub const PROBE_RETENTION: Duration = Duration::from_secs(3_600);
/// Time in which a tenant is placed or changed, conflicts with other operators included.
pub const PLACE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time after its removal in which a tenant is not placed again: a router may serve a route for a lease after the map
/// has changed, without looking at the fence, and a write may be under way after that.
pub const REPLACE_WAIT: Duration = TENANT_LEASE.saturating_add(LONGEST_WRITE);
/// Largest token, in bytes: ten times what identity providers issue, and less than all headers together may have.
pub const JWT_MAX_TOKEN: usize = 8 * 1024;
/// Largest difference between an issuer's clock and ours (RFC 7519, section 4.1.4: "no more than a few minutes").
pub const JWT_LEEWAY: Duration = Duration::from_secs(60);
/// Age below which a key set is used without another read. While the set can be read, a key that its issuer withdrew is
/// trusted no longer than this.
pub const JWT_KEYS_AGE: Duration = Duration::from_secs(600);
/// Least time between two reads of a key set. Tokens that name unknown keys cause one read in this time, however many
/// they are.
pub const JWT_KEYS_COOLDOWN: Duration = Duration::from_secs(30);
/// The same while no set was ever read: no caller is served then, and the response asks for a retry after
/// [`RETRY_AFTER`].
pub const JWT_KEYS_COLD_COOLDOWN: Duration = RETRY_AFTER;
/// Time of one read of a key set.
pub const JWT_KEYS_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Largest key set, in bytes: a key takes some hundreds, with its certificates some thousands.
pub const JWT_KEYS_MAX: usize = 256 * 1024;

/// Time of one try of one AWS call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Time of one AWS call with all its retries. The function's time-out, less [`RESPONSE_RESERVE`], bounds all calls of
/// an invocation together.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(2_500);
/// Tries of one AWS call, the first included.
pub const MAX_ATTEMPTS: u32 = 3;
/// Largest response that a function reads from a service, in bytes: far more than any it asks for (a page of a query is
/// 1 MB, the index of a snapshot 8 MiB), and far less than its memory.
pub const MAX_RESPONSE: usize = 16 * 1024 * 1024;
/// Time that a function reserves to respond and to report what is undone.
pub const RESPONSE_RESERVE: Duration = Duration::from_millis(1_000);
/// Time for which a write waits while its tenant's fence is closed for a move, before the caller gets a 503: longer than
/// most pauses of moves.
pub const FENCED_WAIT: Duration = Duration::from_millis(2_000);
/// Time for which no write of a tenant waits in an environment after one has waited in vain, at least; twice as long at most. A
/// fence that stays closed holds an eighth of the router's concurrency on average.
pub const FENCED_WAIT_PAUSE: Duration = Duration::from_secs(10);
/// Pause before the map is read again for a write that waits.
pub const FENCED_LOOK: Duration = Duration::from_millis(100);

/// Time that a `503` asks the caller to wait.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same while the tenant's cell is marked down: operators set and lift that state, and routers learn of it within
/// [`CELL_LEASE`].
pub const RETRY_AFTER_DOWN: Duration = Duration::from_secs(30);
/// The same while no cell has room for the tenant: until then, the refusal counts.
pub const RETRY_AFTER_NO_CAPACITY: Duration = PLACEMENT_REFUSAL_RETENTION;

/// Most actions in one `TransactWriteItems`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
pub const MAX_TRANSACTION: usize = 100;
/// Most events of one tenant that a consumer processes at once, where no order is kept: a batch of the default size.
pub const EVENTS_AT_ONCE: usize = 10;
/// Part of an invocation's time in which a consumer starts no further event, so that it can commit those it started:
/// one call with all its retries.
pub const COMMIT_RESERVE: Duration = OPERATION_TIMEOUT;
/// Most digits of an amount before its decimal point. With [`AMOUNT_DECIMALS`], a transaction's hundred amounts add up
/// within the 28 digits of a decimal, and 10^14 of them within the 38 digits of a DynamoDB number.
pub const AMOUNT_INTEGER_DIGITS: usize = 15;
/// Most digits of an amount behind its decimal point.
pub const AMOUNT_DECIMALS: usize = 9;
/// Calls of `PublishBatch` that a producer has under way at once, on a topic that keeps each tenant's order.
pub const PUBLISH_CALLS: usize = 4;
/// Most entries of one `PublishBatch` (<https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>).
pub const PUBLISH_BATCH_ENTRIES: usize = 10;
/// Most bytes of one `PublishBatch`, all entries together.
pub const PUBLISH_BATCH_BYTES: usize = 256 * 1024;

/// Settings of a cell's pipeline. Terraform's variables have the same defaults.
pub mod pipeline {
    use std::time::Duration;

    /// Records that a producer invocation takes.
    pub const STREAM_BATCH: usize = 100;
    /// Retries of a failing stream batch before it goes to the on-failure destination: the most there are, so that the
    /// records' age decides. Retries come within seconds of each other, and a topic that refuses counts as a failure
    /// each time. A small number would empty the stream into the dead-letter queue within minutes of an outage.
    pub const STREAM_RETRIES: u32 = 10_000;
    /// Oldest stream record that is still tried.
    pub const STREAM_RECORD_AGE: Duration = Duration::from_secs(21_600);
    /// Messages that a consumer invocation takes.
    pub const QUEUE_BATCH: usize = 10;
    /// Concurrent consumers of one cell.
    pub const QUEUE_CONCURRENCY: usize = 10;
    /// Tries of an event before the consumer dead-letters it.
    pub const MAX_TRIES: u32 = 5;
    /// Longest time that one call of the processor may take.
    pub const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
    /// Receives of a message before the queue itself moves it to the dead-letter queue. A last resort, for failures
    /// that the consumer can't count: a function that ends at its start, or that Lambda throttles for hours. The last
    /// of ten events of a tenant, behind nine that end the process, is received some 40 times before its own tries are
    /// over.
    pub const MAX_RECEIVES: u32 = 50;
    /// Function time-out of the router.
    pub const ROUTER_TIMEOUT: Duration = Duration::from_secs(10);
    /// Function time-out of the producer.
    pub const PRODUCER_TIMEOUT: Duration = Duration::from_secs(30);
    /// Function time-out of the placer: one placement among many others, conflicts included, fits in.
    pub const PLACER_TIMEOUT: Duration = Duration::from_secs(60);
    /// Requests for placement that a placer invocation takes.
    pub const PLACER_BATCH: usize = 25;
    /// Oldest request for placement that is still tried: the router makes one anew by then.
    pub const PLACER_RECORD_AGE: Duration = super::PLACEMENT_REQUEST_RETENTION;
    /// Function time-out of the consumer.
    pub const CONSUMER_TIMEOUT: Duration = Duration::from_secs(30);
    /// Function time-out of the prober: a cell's way up waits twice for the routers, and carries events home between.
    pub const PROBER_TIMEOUT: Duration = Duration::from_secs(300);
    /// Visibility timeout of the queue: six times the consumer's time-out
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
    pub const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(180);
    /// Retention of a queue.
    pub const QUEUE_RETENTION: Duration = Duration::from_secs(4 * 86_400);
    /// Retention of a dead-letter queue: longer, since a message keeps its first enqueue time when it moves there.
    pub const DLQ_RETENTION: Duration = Duration::from_secs(14 * 86_400);
}

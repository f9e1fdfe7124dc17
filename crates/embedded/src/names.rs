//! Names of resources, as in Terraform.

use cellstack_core::CellId;
pub use cellstack_core::names::DEFAULT_PREFIX as PREFIX;

/// The region of an embedded stack.
pub const REGION: &str = "us-east-1";
/// The account of an embedded stack.
pub const ACCOUNT: &str = "000000000000";

/// Returns the name of the tenant map's table.
#[must_use]
pub fn tenant_map() -> String {
    cellstack_core::names::tenant_map(PREFIX)
}

/// Returns the name of the registry's table.
#[must_use]
pub fn registry() -> String {
    cellstack_core::names::registry(PREFIX)
}

/// Returns the name of the table of placement requests.
#[must_use]
pub fn placement_requests() -> String {
    cellstack_core::names::placement_requests(PREFIX)
}

/// Returns the name of the placer.
pub(crate) fn placer() -> String {
    format!("{PREFIX}-placer")
}

/// The ordering of a cell's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// No order: every event may overtake every other.
    #[default]
    None,
    /// The order of each tenant: topic and queue are FIFO, the tenant is the message group.
    Tenant,
}

/// The capacity of an embedded cell: all the tenants that a laptop holds.
pub const CAPACITY: u64 = 10_000;

/// The names of a cell's resources.
#[derive(Debug, Clone)]
pub struct CellNames {
    /// The table.
    pub table: String,
    /// The topic, and the queue.
    pub events: String,
    /// The dead-letter queue of the queue.
    pub dlq: String,
    /// The dead-letter queue of the topic's subscription.
    pub topic_dlq: String,
    /// The on-failure destination of the stream mapping.
    pub stream_dlq: String,
    /// The producer.
    pub producer: String,
    /// The consumer.
    pub consumer: String,
}

impl CellNames {
    /// Returns the names of a cell whose events keep no order.
    #[must_use]
    pub fn of(cell: &CellId) -> Self {
        Self::ordered(cell, Ordering::None)
    }

    /// Returns the names of a cell.
    #[must_use]
    pub fn ordered(cell: &CellId, ordering: Ordering) -> Self {
        let name = |what: &str| format!("{PREFIX}-cell-{cell}{what}");
        let fifo = |what: &str| match ordering {
            Ordering::None => name(what),
            Ordering::Tenant => format!("{}.fifo", name(what)),
        };
        Self {
            table: name(""),
            events: fifo("-events"),
            dlq: fifo("-events-dlq"),
            topic_dlq: fifo("-topic-dlq"),
            stream_dlq: name("-stream-dlq"),
            producer: cellstack_core::names::producer(PREFIX, cell),
            consumer: cellstack_core::names::consumer(PREFIX, cell),
        }
    }

    /// Returns every queue for messages that could not be delivered.
    #[must_use]
    pub fn dead_letter_queues(&self) -> [&str; 3] {
        [&self.dlq, &self.topic_dlq, &self.stream_dlq]
    }
}

/// Returns the ARN of a topic or queue.
#[must_use]
pub fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

//! What things are called, as Terraform calls them.

use cellstack_core::CellId;
pub use cellstack_core::names::DEFAULT_PREFIX as PREFIX;

/// The region of an embedded stack.
pub const REGION: &str = "us-east-1";
/// The account of an embedded stack.
pub const ACCOUNT: &str = "000000000000";

/// The tenant map's table.
#[must_use]
pub fn tenant_map() -> String {
    cellstack_core::names::tenant_map(PREFIX)
}

/// The registry's table.
#[must_use]
pub fn registry() -> String {
    cellstack_core::names::registry(PREFIX)
}

/// Whether a cell keeps the events of a tenant in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// It does not: every event may overtake every other.
    #[default]
    None,
    /// It does: topic and queue are FIFO, the tenant is the message group.
    Tenant,
}

/// What a cell's resources are called.
#[derive(Debug, Clone)]
pub struct CellNames {
    /// Its table.
    pub table: String,
    /// Its topic, and its queue.
    pub events: String,
    /// The dead-letter queue of its queue.
    pub dlq: String,
    /// The dead-letter queue of its topic's subscription.
    pub topic_dlq: String,
    /// The on-failure destination of its stream mapping.
    pub stream_dlq: String,
    /// Its producer.
    pub producer: String,
    /// Its consumer.
    pub consumer: String,
}

impl CellNames {
    /// The names of a cell whose events keep no order.
    #[must_use]
    pub fn of(cell: &CellId) -> Self {
        Self::ordered(cell, Ordering::None)
    }

    /// The names of a cell.
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
            producer: name("-producer"),
            consumer: name("-consumer"),
        }
    }

    /// Every queue in which something may lie that could not be delivered.
    #[must_use]
    pub fn dead_letter_queues(&self) -> [&str; 3] {
        [&self.dlq, &self.topic_dlq, &self.stream_dlq]
    }
}

/// The ARN of a topic or queue.
#[must_use]
pub fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

//! The use that a stack makes of the freedom that AWS's contracts leave.

use std::ops::RangeInclusive;
use std::time::Duration;

use cellstack_emulator::Builder;

/// A set of things that AWS may do and a calm emulator never does. All of it is drawn from the stack's seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disorder {
    /// Time that a transaction is in flight. Meanwhile, writes of its items conflict with it.
    pub transaction_time: RangeInclusive<Duration>,
    /// True if queues hand out any visible message, not the oldest.
    pub shuffle_queues: bool,
    /// Shards of each table's stream.
    pub stream_shards: usize,
}

impl Disorder {
    /// No disorder: transactions take no time, queues keep their order, streams have one shard.
    pub const NONE: Self =
        Self { transaction_time: Duration::ZERO..=Duration::ZERO, shuffle_queues: false, stream_shards: 1 };
    /// The disorder for development. Queues keep no order, since the deployed ones promise none. Transactions take no
    /// time: on AWS they take some, but each conflict costs the function a pause of random length, and
    /// `make bench-throughput` would measure that chance.
    pub const SERVED: Self = Self { shuffle_queues: true, ..Self::NONE };
    /// All disorder, for the simulator.
    pub const ALL: Self = Self {
        transaction_time: Duration::from_millis(5)..=Duration::from_millis(20),
        shuffle_queues: true,
        stream_shards: 3,
    };

    pub(crate) fn apply(self, builder: Builder) -> Builder {
        builder
            .transaction_time(self.transaction_time)
            .shuffle_queues(self.shuffle_queues)
            .stream_shards(self.stream_shards)
    }
}

//! How much of what AWS leaves open a stack makes use of.

use std::ops::RangeInclusive;
use std::time::Duration;

use cellstack_emulator::Builder;

/// What an embedded AWS may do that a calm one never does. All of it is drawn from the stack's seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disorder {
    /// The time a transaction is in flight; meanwhile writes of its items conflict with it.
    pub transaction_time: RangeInclusive<Duration>,
    /// True if queues hand out any visible message, not the oldest.
    pub shuffle_queues: bool,
    /// Shards of each table's stream.
    pub stream_shards: usize,
}

impl Disorder {
    /// Transactions take no time, queues keep their order, streams have one shard.
    pub const NONE: Self =
        Self { transaction_time: Duration::ZERO..=Duration::ZERO, shuffle_queues: false, stream_shards: 1 };
    /// For someone who develops: queues keep no order, since the deployed ones promise none. Transactions take no time:
    /// on AWS they take some, but each conflict costs the function a pause of a length that only chance decides, so what
    /// `make bench-throughput` measures would be that chance.
    pub const SERVED: Self = Self { shuffle_queues: true, ..Self::NONE };
    /// All of it, for the simulator.
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

//! The disorder that AWS permits: the time of a transaction, the order of messages, the number of a stream's shards.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::sync::lock;

/// The settings of a stack's disorder.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The time from the moment a `TransactWriteItems` locks its items to its commit.
    pub(crate) transaction_time: RangeInclusive<Duration>,
    /// True if queues hand out any of their visible messages, not the oldest.
    pub(crate) shuffle_queues: bool,
    /// The number of shards per stream.
    pub(crate) stream_shards: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { transaction_time: Duration::ZERO..=Duration::ZERO, shuffle_queues: false, stream_shards: 1 }
    }
}

/// The settings, and the random numbers for each draw.
pub(crate) struct Disorder {
    pub(crate) settings: Settings,
    rng: Mutex<StdRng>,
}

impl Disorder {
    pub(crate) fn new(settings: Settings, seed: u64) -> Self {
        // Its own stream of numbers: a disorder that is switched on changes no message id and no fault.
        Self { settings, rng: Mutex::new(StdRng::seed_from_u64(seed ^ 0x00D1_503D)) }
    }

    /// Returns the time that the next transaction is in flight; `None` if transactions take no time at all.
    pub(crate) fn transaction_time(&self) -> Option<Duration> {
        let range = &self.settings.transaction_time;
        if range.end().is_zero() {
            return None;
        }
        Some(lock(&self.rng).random_range(range.clone()))
    }

    /// Returns true or false with equal odds.
    pub(crate) fn coin(&self) -> bool {
        lock(&self.rng).random()
    }

    /// Returns the random order of a new queue; `None` if the oldest message comes first.
    pub(crate) fn queue_order(&self) -> Option<StdRng> {
        self.settings.shuffle_queues.then(|| StdRng::seed_from_u64(lock(&self.rng).random()))
    }
}

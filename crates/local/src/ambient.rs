//! Time and randomness of an embedded stack.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cellstack_core::Ambient;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::time::Instant;

/// Tokio's clock, which a test can pause, and randomness from a seed.
#[derive(Debug)]
pub struct LocalAmbient {
    wall: SystemTime,
    start: Instant,
    random: Mutex<StdRng>,
}

impl LocalAmbient {
    /// Starts the clocks at the present.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::at(seed, SystemTime::now())
    }

    /// Starts the clocks now, with a wall clock that shows `wall`.
    #[must_use]
    pub fn at(seed: u64, wall: SystemTime) -> Self {
        Self { wall, start: Instant::now(), random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }
}

impl Ambient for LocalAmbient {
    fn wall_ms(&self) -> u64 {
        let now = self.wall + self.start.elapsed();
        u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}

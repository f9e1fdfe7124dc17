//! The write units that a tool takes of a cell.

use std::sync::Mutex;
use std::time::Duration;

use cellstack_core::sync::lock;
use tokio::time::Instant;

/// A limit on the rate of writes into a cell whose other tenants need its capacity, too.
#[derive(Debug)]
pub struct RateLimit {
    per_second: u32,
    at_once: usize,
    next: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// Time by which writes may run ahead of their rate: a timer is not finer.
    const AHEAD: Duration = Duration::from_millis(5);

    /// Makes a limit of so many write units per second, and of so many writes at once.
    #[must_use]
    pub const fn new(per_second: u32, at_once: usize) -> Self {
        Self { per_second, at_once, next: Mutex::new(None) }
    }

    /// Returns the number of writes at once.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.at_once
    }

    /// Waits until so many units may be written.
    pub(crate) async fn wait(&self, units: u32) {
        let at = {
            let mut next = lock(&self.next);
            let now = Instant::now();
            let at = next.unwrap_or(now).max(now);
            *next = Some(at + Duration::from_secs(1).saturating_mul(units) / self.per_second.max(1));
            at
        };
        if at > Instant::now() + Self::AHEAD {
            tokio::time::sleep_until(at).await;
        }
    }
}

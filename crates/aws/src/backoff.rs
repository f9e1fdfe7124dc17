//! Pauses between tries, with full jitter: rivals that met once must not stay in step
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::time::Duration;

use cellstack_core::limits::{BACKOFF_BASE, BACKOFF_CAP};
use cellstack_core::mutation::{Mutation, is_planted};
use tokio::time::Instant;

/// The unit in which the timer counts. It rounds pauses up, so that one may take that much longer.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// The tries of one piece of work until its time is over.
#[derive(Debug)]
pub struct Backoff {
    deadline: Instant,
    tries: u32,
}

impl Backoff {
    /// Returns tries for `time` from now.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self::until(Instant::now() + time)
    }

    /// Returns tries until `deadline`.
    #[must_use]
    pub const fn until(deadline: Instant) -> Self {
        Self { deadline, tries: 0 }
    }

    /// Waits before the next try. Returns `false` at once when the next try would begin after the deadline.
    #[must_use]
    pub async fn pause(&mut self) -> bool {
        let longest = longest(self.tries);
        let jitter = if is_planted(Mutation::ConflictWithoutJitter) { 1.0 } else { fastrand::f64() };
        let pause = longest.mul_f64(jitter);
        self.tries = self.tries.saturating_add(1);
        if Instant::now() + pause + TIMER_STEP >= self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

fn longest(tries: u32) -> Duration {
    BACKOFF_BASE.saturating_mul(1 << tries.min(16)).min(BACKOFF_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_the_cap_differ_and_end_with_the_time() {
        assert_eq!(longest(0), BACKOFF_BASE);
        assert_eq!(longest(1), BACKOFF_BASE * 2);
        assert_eq!(longest(u32::MAX), BACKOFF_CAP);

        let begun = Instant::now();
        let (mut backoff, mut pauses) = (Backoff::within(Duration::from_secs(5)), Vec::new());
        let mut last = begun;
        while backoff.pause().await {
            pauses.push(last.elapsed());
            last = Instant::now();
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(pauses.len() > 20, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= BACKOFF_CAP), "{pauses:?}");
        pauses.dedup();
        assert!(pauses.len() > 10, "jitter makes pauses differ: {pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_ends_with_the_deadline_or_after_it() {
        for _ in 0..5000 {
            let (begun, mut backoff) = (Instant::now(), Backoff::within(BACKOFF_BASE));
            while backoff.pause().await {}
            assert!(begun.elapsed() < BACKOFF_BASE, "{:?}", begun.elapsed());
        }
    }
}

//! One clock for everything: a wall clock that moves as Tokio's time does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The wall clock: the real time at which the stack was built + the time that has passed since by Tokio's clock.
///
/// Under `#[tokio::test(start_paused = true)]` it jumps with Tokio's time; elsewhere it is the real time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    wall: SystemTime,
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "time enters here")]
    pub(crate) fn start() -> Self {
        Self::start_at(SystemTime::now())
    }

    /// Returns a clock that shows `wall` now.
    pub(crate) fn start_at(wall: SystemTime) -> Self {
        Self { wall, start: Instant::now() }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.wall + self.start.elapsed()
    }

    /// Returns the milliseconds since the Unix epoch.
    pub(crate) fn ms(&self) -> u64 {
        self.since_epoch().as_millis() as u64
    }

    /// Waits until `at` (milliseconds since the Unix epoch); returns at once if that has passed.
    pub(crate) async fn sleep_until(&self, at: u64) {
        let left = at.saturating_sub(self.ms());
        if left > 0 {
            tokio::time::sleep(Duration::from_millis(left)).await;
        }
    }

    fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl aws_smithy_async::time::TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self)
    }
}

impl dynoxide::storage_backend::Clock for Clock {
    fn now_unix_secs(&self) -> u64 {
        self.since_epoch().as_secs()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.since_epoch().as_secs_f64()
    }
}

/// Formats a time as AWS writes time stamps inside JSON bodies: `2026-11-20T05:53:00.123Z`.
pub(crate) fn iso8601(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Civil date from a day count (proleptic Gregorian, eras of 400 years).
    let z = days as i64 + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1000 % 60,
        rest % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso8601_knows_leap_years_and_ends_of_months() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso8601(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(iso8601(1_798_761_599_999), "2026-12-31T23:59:59.999Z");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_follows_paused_time() {
        let clock = Clock::start();
        let before = clock.ms();
        clock.sleep_until(before + 86_400_000).await;
        assert_eq!(clock.ms(), before + 86_400_000);
    }
}

//! The rate at which messages are sent.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The most messages per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(NonZeroU32);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        number.parse().map(Self).map_err(|_| "expected messages per second from 1 on, for example 10/s")
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl Rate {
    /// Returns the time between two messages.
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.0.get()
    }

    /// Returns the time that this many messages take.
    pub(crate) fn time_for(self, messages: usize) -> Duration {
        self.interval().saturating_mul(u32::try_from(messages).unwrap_or(u32::MAX))
    }
}

/// A limit that spaces messages evenly. Unused time is not saved up, since the cap is there to prevent bursts.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: Rate,
    next: Option<Instant>,
}

impl RateLimit {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, next: None }
    }

    /// Waits until the next message may be sent.
    pub(crate) async fn acquire(&mut self) {
        let now = Instant::now();
        let at = self.next.unwrap_or(now).max(now);
        self.next = Some(at + self.rate.interval());
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_from_one_on() {
        for good in ["7", "7/s"] {
            assert_eq!(good.parse::<Rate>().unwrap().to_string(), "7/s");
        }
        for bad in ["0", "-1", "", "7/m", "/s"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        assert_eq!("4".parse::<Rate>().unwrap().time_for(10), Duration::from_millis(2_500));
    }

    #[tokio::test(start_paused = true)]
    async fn permits_are_spaced_and_time_not_used_is_not_saved_up() {
        let start = Instant::now();
        let mut rate_limit = RateLimit::new("4".parse().unwrap());
        let mut permits = Vec::new();
        for permit in 0..6 {
            if permit == 3 {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            rate_limit.acquire().await;
            permits.push(start.elapsed().as_millis());
        }
        assert_eq!(permits, [0, 250, 500, 2_500, 2_750, 3_000]);
    }
}

//! The rate at which messages are sent.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

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
    /// Returns the time between two messages: 1 ns at least, since a timer needs some.
    fn period(self) -> Duration {
        (Duration::from_secs(1) / self.0.get()).max(Duration::from_nanos(1))
    }

    /// Returns the time that this many messages take.
    pub(crate) fn time_for(self, messages: usize) -> Duration {
        self.period().saturating_mul(u32::try_from(messages).unwrap_or(u32::MAX))
    }

    /// Returns a timer that ticks once per message, the first time at once. Unused time is not saved up: the rate prevents bursts.
    pub(super) fn timer(self) -> Interval {
        let mut timer = interval(self.period());
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

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
    async fn ticks_are_spaced_and_time_not_used_is_not_saved_up() {
        let start = Instant::now();
        let mut timer = "4".parse::<Rate>().unwrap().timer();
        let mut ticks = Vec::new();
        for tick in 0..6 {
            if tick == 3 {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            timer.tick().await;
            ticks.push(start.elapsed().as_millis());
        }
        assert_eq!(ticks, [0, 250, 500, 2_500, 2_750, 3_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_highest_rate_has_a_timer() {
        u32::MAX.to_string().parse::<Rate>().unwrap().timer().tick().await;
    }
}

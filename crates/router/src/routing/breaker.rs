//! A circuit breaker: it refuses calls to a failed dependency for a while, so that waiting for it can't use up the time
//! and the concurrency that the others need.
//!
//! | state | requests |
//! |---|---|
//! | closed | pass |
//! | open | are refused at once, for [`BREAKER_COOLDOWN_MIN`], twice as long after each failure, [`BREAKER_COOLDOWN_MAX`] at most |
//! | half-open | one passes, as a probe: its success closes the breaker, its failure opens it again |
//!
//! One failure is enough to open it, since a call fails only after all its tries have.

use cellstack_core::sync::lock;
use std::sync::Mutex;
use std::time::Duration;

use cellstack_core::lease::LeaseTime;
use cellstack_core::limits::{BREAKER_COOLDOWN_MAX, BREAKER_COOLDOWN_MIN};

#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    /// Failures since the last success.
    failures: u32,
    /// The time before which requests are refused; `None` while closed.
    open_until: Option<LeaseTime>,
}

/// The way in which a request passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Normal,
    /// The request finds out whether the dependency is back.
    Probe,
}

/// The breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open;

impl Breaker {
    pub(crate) fn admit(&self, now: LeaseTime) -> Result<Pass, Open> {
        let mut state = self.lock();
        match state.open_until {
            None => Ok(Pass::Normal),
            Some(until) if now < until => Err(Open),
            Some(_) => {
                // The breaker stays open for as long as a failure of the probe would keep it open. If the probe never
                // reports (its process was killed), another goes then.
                state.open_until = Some(now.plus(pause(state.failures)));
                Ok(Pass::Probe)
            }
        }
    }

    /// Notes the end of a request that passed. Returns true if it opened a closed breaker.
    pub(crate) fn note(&self, now: LeaseTime, worked: bool) -> bool {
        let mut state = self.lock();
        if worked {
            *state = BreakerState::default();
            return false;
        }
        let opens = state.open_until.is_none();
        state.failures = state.failures.saturating_add(1);
        state.open_until = Some(now.plus(pause(state.failures)));
        opens
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BreakerState> {
        lock(&self.0)
    }
}

fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    BREAKER_COOLDOWN_MIN.saturating_mul(1 << doublings).min(BREAKER_COOLDOWN_MAX)
}

#[cfg(test)]
mod tests {
    use cellstack_core::Clock;
    use cellstack_core::lease::LeaseClock;
    use proptest::prelude::*;

    use super::*;

    /// Returns the moment this long after a fixed one.
    fn at(ms: u64) -> LeaseTime {
        struct Still;
        impl Clock for Still {
            fn wall_ms(&self) -> u64 {
                0
            }
            fn monotonic(&self) -> Duration {
                Duration::ZERO
            }
        }
        LeaseClock::default().now(Still.now()).plus(Duration::from_millis(ms))
    }

    #[test]
    fn a_failure_opens_it_a_probe_that_works_closes_it() {
        let breaker = Breaker::default();
        assert_eq!(breaker.admit(at(0)), Ok(Pass::Normal));
        assert!(breaker.note(at(0), false));
        assert_eq!(breaker.admit(at(999)), Err(Open));
        assert_eq!(breaker.admit(at(1_000)), Ok(Pass::Probe));
        assert_eq!(breaker.admit(at(1_000)), Err(Open), "one probe at a time");
        assert!(!breaker.note(at(1_100), true));
        assert_eq!(breaker.admit(at(1_100)), Ok(Pass::Normal));
    }

    #[test]
    fn each_failure_doubles_the_pause_up_to_the_longest() {
        let breaker = Breaker::default();
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000, 5_000, 5_000] {
            breaker.note(at(now), false);
            assert_eq!(breaker.admit(at(now + pause - 1)), Err(Open));
            now += pause;
            assert_eq!(breaker.admit(at(now)), Ok(Pass::Probe));
        }
    }

    #[test]
    fn a_probe_that_never_tells_is_followed_by_another() {
        let breaker = Breaker::default();
        breaker.note(at(0), false);
        assert_eq!(breaker.admit(at(1_000)), Ok(Pass::Probe));
        assert_eq!(breaker.admit(at(1_999)), Err(Open));
        assert_eq!(breaker.admit(at(2_000)), Ok(Pass::Probe));
    }

    proptest! {
        /// No more requests pass to a dependency that is gone than pauses have gone by.
        #[test]
        fn few_requests_pass_to_what_is_gone(gaps in prop::collection::vec(0_u64..500, 1..2_000)) {
            let breaker = Breaker::default();
            let (mut now, mut passed) = (0, 0_u64);
            for gap in gaps {
                now += gap;
                if breaker.admit(at(now)).is_ok() {
                    passed += 1;
                    breaker.note(at(now), false);
                }
            }
            prop_assert!(passed <= 4 + now / 5_000, "{passed} in {now} ms");
        }
    }
}

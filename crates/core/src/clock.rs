//! Clocks and entropy. They come in from outside, so that tests and the simulator decide them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// The clocks of an environment.
pub trait Clock: Send + Sync + 'static {
    /// Returns the milliseconds since the Unix epoch. They may jump.
    fn wall_ms(&self) -> u64;
    /// Returns the time since some fixed point. It never goes back, but may stand still while a Lambda environment is
    /// frozen.
    fn monotonic(&self) -> Duration;

    /// Reads both clocks.
    fn now(&self) -> Reading {
        Reading { wall_ms: self.wall_ms(), monotonic: self.monotonic() }
    }
}

impl<A: Clock + ?Sized> Clock for std::sync::Arc<A> {
    fn wall_ms(&self) -> u64 {
        (**self).wall_ms()
    }
    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

/// A source of randomness of an environment.
pub trait Entropy: Send + Sync + 'static {
    /// Returns the ten random bytes that a UUIDv7 takes.
    fn random(&self) -> [u8; 10];
}

impl<E: Entropy + ?Sized> Entropy for std::sync::Arc<E> {
    fn random(&self) -> [u8; 10] {
        (**self).random()
    }
}

/// A reading of both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    wall_ms: u64,
    monotonic: Duration,
}

impl Reading {
    /// Returns the time from `self` to `later`: the larger of the two clocks' readings. So neither a frozen monotonic
    /// clock nor a wall clock that was set back makes anything look younger than it is.
    #[must_use]
    pub fn age_at(&self, later: Self) -> Duration {
        let wall = Duration::from_millis(later.wall_ms.saturating_sub(self.wall_ms));
        wall.max(later.monotonic.saturating_sub(self.monotonic))
    }
}

/// The real clocks and the operating system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts the monotonic clock.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that reads a clock would surprise")]
    #[expect(clippy::disallowed_methods, reason = "time enters here")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "time enters here")]
    fn wall_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Entropy for SystemClock {
    fn random(&self) -> [u8; 10] {
        // The tail of a UUIDv7 is random except for the variant bits, and an id made from it sets those again.
        let mut tail = [0; 10];
        tail.copy_from_slice(&Uuid::now_v7().as_bytes()[6..]);
        tail
    }
}

/// Clocks that stand where a test puts them, and randomness that counts up.
#[cfg(test)]
pub(crate) struct FixedClock(std::sync::Mutex<(u64, Duration, u64)>);

#[cfg(test)]
impl FixedClock {
    pub(crate) fn at_ms(ms: u64) -> Self {
        Self(std::sync::Mutex::new((ms, Duration::ZERO, 0)))
    }
    pub(crate) fn advance_ms(&self, ms: u64) {
        let mut state = self.0.lock().unwrap();
        state.0 += ms;
        state.1 += Duration::from_millis(ms);
    }
    /// Moves the wall clock alone, as in a frozen environment.
    pub(crate) fn freeze_ms(&self, ms: u64) {
        self.0.lock().unwrap().0 += ms;
    }
    /// Sets the wall clock alone.
    pub(crate) fn set_wall_ms(&self, ms: u64) {
        self.0.lock().unwrap().0 = ms;
    }
}

#[cfg(test)]
impl Clock for FixedClock {
    fn wall_ms(&self) -> u64 {
        self.0.lock().unwrap().0
    }
    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

#[cfg(test)]
impl Entropy for FixedClock {
    fn random(&self) -> [u8; 10] {
        let mut state = self.0.lock().unwrap();
        state.2 += 1;
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&state.2.to_be_bytes());
        bytes
    }
}

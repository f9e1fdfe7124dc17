//! Time and randomness of an embedded stack.

use cellstack_core::sync::lock;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cellstack_core::{Clock, Entropy};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use tokio::time::Instant;

/// A clock on Tokio's time, which a test can pause, and randomness from a seed.
///
/// The clocks can be made as wrong as those of a Lambda environment: [`freeze`](Self::freeze) and [`jump`](Self::jump).
#[derive(Debug)]
pub struct VirtualClock {
    wall: SystemTime,
    start: Instant,
    lies: Mutex<Lies>,
    random: Mutex<StdRng>,
}

/// The clocks' deviation from the truth.
#[derive(Debug, Default)]
struct Lies {
    /// Time that the monotonic clock has stood still, the freeze under way not included.
    stood_still: Duration,
    frozen: Option<Instant>,
    /// Milliseconds by which the wall clock is ahead; less than nothing where it is behind.
    ahead_ms: i64,
    /// True if the wall clock stands still with the other. The protocol can't bear that.
    both: bool,
}

impl VirtualClock {
    /// Starts the clocks at the present.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "time enters here")]
    pub fn new(seed: u64) -> Self {
        Self::at(seed, SystemTime::now())
    }

    /// Starts the clocks now, with a wall clock that shows `wall`.
    #[must_use]
    pub fn at(seed: u64, wall: SystemTime) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        Self { wall, start: Instant::now(), lies: Mutex::default(), random }
    }

    /// Stops the monotonic clock until [`thaw`](Self::thaw). The wall clock continues.
    pub fn freeze(&self) {
        lock(&self.lies).frozen.get_or_insert_with(Instant::now);
    }

    /// Plants a bug: the wall clock, too, stands still while the environment is frozen, as if nobody looked at it.
    pub fn stop_both(&self) {
        lock(&self.lies).both = true;
    }

    /// Ends a freeze, if there is one. Returns its length.
    pub fn thaw(&self) -> Duration {
        let mut lies = lock(&self.lies);
        let was = lies.frozen.take().map(|since| since.elapsed()).unwrap_or_default();
        lies.stood_still += was;
        was
    }

    /// Moves the wall clock alone by so many milliseconds, forwards or backwards.
    pub fn jump(&self, ms: i64) {
        lock(&self.lies).ahead_ms += ms;
    }
}

impl Lies {
    /// Returns the time that the monotonic clock has stood still by now.
    fn still(&self) -> Duration {
        self.stood_still + self.frozen.map(|since| since.elapsed()).unwrap_or_default()
    }
}

impl Clock for VirtualClock {
    fn wall_ms(&self) -> u64 {
        let lies = lock(&self.lies);
        let still = if lies.both { lies.still() } else { Duration::ZERO };
        let shows = self.wall + self.start.elapsed().saturating_sub(still);
        let ms = shows.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        u64::try_from(ms).unwrap_or(u64::MAX).saturating_add_signed(lies.ahead_ms)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed().saturating_sub(lock(&self.lies).still())
    }
}

impl Entropy for VirtualClock {
    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        lock(&self.random).fill_bytes(&mut bytes);
        bytes
    }
}

//! The network to the services: some milliseconds each way, drawn from the seed, and a note of the call under way.

use cellstack_core::sync::lock;
use std::cell::RefCell;
use std::sync::Mutex;
use std::time::Duration;

use cellstack_emulator::{Leg, Network};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

thread_local! {
    /// The half of a call that set out last on this thread. A future that has just returned `Pending` waits for it.
    static UNDER_WAY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Forgets the call under way.
pub(crate) fn forget() {
    UNDER_WAY.with(|under_way| under_way.borrow_mut().take());
}

/// Returns the half of a call that set out since [`forget`].
pub(crate) fn under_way() -> Option<String> {
    UNDER_WAY.with(|under_way| under_way.borrow_mut().take())
}

/// A network with latencies drawn from a seed.
#[derive(Debug)]
pub(crate) struct Way(Mutex<StdRng>);

impl Way {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed ^ 0x0077_A110)))
    }
}

impl Network for Way {
    fn latency(&self, leg: Leg, service: &'static str, operation: &str) -> Duration {
        let half = match leg {
            Leg::Request => "asked",
            Leg::Response => "responding",
        };
        UNDER_WAY.with(|under_way| under_way.replace(Some(format!("{service} {operation} {half}"))));
        let mut rng = lock(&self.0);
        // Mostly a millisecond or two, now and then ten times that.
        let slow = rng.random_bool(0.02);
        Duration::from_micros(rng.random_range(1_000..3_000) * if slow { 10 } else { 1 })
    }
}

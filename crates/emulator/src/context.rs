//! What every service shares: names, time, randomness, faults, observers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::observe::Observers;

pub(crate) struct Context {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) observers: Observers,
    rng: Mutex<StdRng>,
}

impl Context {
    pub(crate) fn new(region: String, account: String, seed: u64, clock: Clock) -> Self {
        Self {
            region,
            account,
            clock,
            faults: Faults::new(seed),
            observers: Observers::new(),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// A UUID drawn from the seed.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        lock(&self.rng).fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    pub(crate) fn random(&self) -> u64 {
        lock(&self.rng).next_u64()
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// Locks, also after a panic elsewhere: one wrong request must not stop the emulator.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

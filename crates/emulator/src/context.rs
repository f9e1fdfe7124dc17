//! The context that all services share: names, time, randomness, faults, disorder, observers, the endpoint.

use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::clock::Clock;
use crate::disorder::{Disorder, Settings};
use crate::faults::Faults;
use crate::observe::Observers;
use crate::sync::lock;

pub(crate) struct Context {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) disorder: Disorder,
    pub(crate) observers: Observers,
    rng: Mutex<StdRng>,
    endpoint: Mutex<String>,
}

impl Context {
    pub(crate) fn new(region: String, account: String, seed: u64, clock: Clock, disorder: Settings) -> Self {
        let endpoint = Mutex::new(format!("https://sqs.{region}.amazonaws.com"));
        Self {
            endpoint,
            region,
            account,
            clock,
            faults: Faults::new(seed),
            disorder: Disorder::new(disorder, seed),
            observers: Observers::new(),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// Draws a UUID from the seed.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        lock(&self.rng).fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    pub(crate) fn random(&self) -> u64 {
        lock(&self.rng).next_u64()
    }

    /// Returns the base of queue URLs for requests that do not name the endpoint they came in on.
    pub(crate) fn endpoint(&self) -> String {
        lock(&self.endpoint).clone()
    }

    pub(crate) fn set_endpoint(&self, url: &str) {
        *lock(&self.endpoint) = url.trim_end_matches('/').to_string();
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

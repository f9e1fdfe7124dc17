//! Time and randomness of a router environment.

use std::sync::Arc;

use cellstack_core::Ambient;
use cellstack_core::lease::{LeaseClock, LeaseTime};

/// The ambient clocks, and what leases and breakers make of them.
#[derive(Clone)]
pub(crate) struct Clock<A> {
    pub(crate) ambient: A,
    lease: Arc<LeaseClock>,
}

impl<A: Ambient> Clock<A> {
    pub(crate) fn new(ambient: A) -> Self {
        Self { ambient, lease: Arc::default() }
    }

    pub(crate) fn now(&self) -> LeaseTime {
        self.lease.now(self.ambient.now())
    }
}

//! The clocks of a router environment.

use std::sync::Arc;

use cellstack_core::Clock;
use cellstack_core::lease::{LeaseClock, LeaseTime};

/// The clocks, and the time that leases and breakers derive from them.
#[derive(Clone)]
pub(crate) struct RouterClock<A> {
    pub(crate) source: A,
    lease: Arc<LeaseClock>,
}

impl<A: Clock> RouterClock<A> {
    pub(crate) fn new(source: A) -> Self {
        Self { source, lease: Arc::default() }
    }

    pub(crate) fn now(&self) -> LeaseTime {
        self.lease.now(self.source.now())
    }
}

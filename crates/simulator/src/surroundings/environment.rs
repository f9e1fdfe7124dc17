//! An environment of the router's function: a router with its own cache, breakers and clocks.
//!
//! Lambda freezes an environment between two invocations. Its monotonic clock stands still then and its wall clock goes
//! on. The wall clock also jumps now and then, by up to hours either way. It never does both between the same two looks
//! of the router at its clocks: nothing could show then whether much time has passed or none, and the lease
//! (`LeaseClock` in `crates/core/src/lease.rs`) documents this limit. So a jump comes at the end of an invocation, and
//! after one the environment is not frozen before it has been invoked again.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use bytes::Bytes;
use cellstack_core::Clock;
use cellstack_router::{Router, Settings, Standby, TenantSource};
use hyper::{Request, Response};
use rand::Rng;
use rand::rngs::StdRng;

use super::wire::Wire;
use crate::mutation::Mutation;
use cellstack_embedded::function_url::FunctionUrl;
use cellstack_embedded::names::{registry, tenant_map};
use cellstack_embedded::{Stack, VirtualClock};

/// Share of invocations after which an environment is frozen until the next.
const FREEZES: f64 = 0.7;
/// Share of invocations after which its wall clock jumps.
const JUMPS: f64 = 0.05;
/// Longest jump, in milliseconds.
const FAR: i64 = 6 * 3_600_000;

/// The settings of new environments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Make {
    pub(crate) seed: u64,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) standby: Standby,
}

impl Make {
    /// Returns settings with standbys that hold.
    pub(crate) const fn of(seed: u64, mutation: Option<Mutation>) -> Self {
        Self { seed, mutation, standby: Standby::Hold }
    }
}

/// A maker of environments.
pub(crate) struct Maker {
    config: SdkConfig,
    clock: Arc<VirtualClock>,
    make: Make,
}

impl Maker {
    pub(crate) fn new(stack: &Stack, make: Make) -> Self {
        Self { config: stack.config().clone(), clock: Arc::clone(stack.clock()), make }
    }

    /// Starts a cold environment.
    pub(crate) fn start(&self, number: usize) -> Environment {
        let wall: SystemTime = UNIX_EPOCH + Duration::from_millis(self.clock.wall_ms());
        let Make { seed, mutation, standby } = self.make;
        let clocks = Arc::new(VirtualClock::at(seed ^ (number as u64 + 1) << 32, wall));
        if mutation == Some(Mutation::MonotonicLease) {
            clocks.stop_both();
        }
        let wire = Wire::new(format!("router {number}"), mutation == Some(Mutation::UnfencedWrite));
        let settings = Settings { standby, ..Settings::new(tenant_map(), registry(), TenantSource::Header) };
        let router = Router::new(&wire.tap(&self.config), settings, Arc::clone(&clocks));
        Environment {
            url: FunctionUrl::new(Arc::new(router), Arc::clone(&clocks)),
            clocks,
            jumped: Cell::new(false),
            wire,
        }
    }
}

/// An environment of the router's function.
pub(crate) struct Environment {
    url: FunctionUrl,
    clocks: Arc<VirtualClock>,
    /// True if its wall clock has jumped since the last invocation.
    jumped: Cell<bool>,
    pub(crate) wire: Wire,
}

impl Environment {
    /// Invokes the router once, for a tenant.
    pub(crate) async fn invoke(&self, tenant: &str, request: Request<Bytes>) -> Response<Bytes> {
        self.clocks.thaw();
        self.jumped.set(false);
        self.wire.begin(tenant);
        self.url.request(request, SocketAddr::from(([127, 0, 0, 1], 1))).await
    }

    /// Freezes the environment until the next invocation, unless its wall clock has just jumped.
    pub(crate) fn freeze(&self) {
        if !self.jumped.get() {
            self.clocks.freeze();
        }
    }

    /// Draws what happens to the clocks after an invocation. Returns the jump of the wall clock in milliseconds, if
    /// there is one.
    pub(crate) fn rest(&self, rng: &mut StdRng) -> Option<i64> {
        if rng.random_bool(JUMPS) {
            let ms = rng.random_range(-FAR..=FAR);
            self.clocks.jump(ms);
            self.jumped.set(true);
            return Some(ms);
        }
        if rng.random_bool(FREEZES) {
            self.freeze();
        }
        None
    }
}

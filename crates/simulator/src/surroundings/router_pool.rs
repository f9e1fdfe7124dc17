//! The routers behind the URL: environments that serve one request at a time. If none is idle, another one starts. A
//! killed one is gone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use super::environment::{Environment, Make, Maker};
use super::kill::{Killed, Kills};
use super::wire::Writes;
use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::Role;

/// Environments at the start.
const ENVIRONMENTS: usize = 8;
/// Share of requests after which an environment is unused for a while, and the longest such while.
const FORGOTTEN: f64 = 0.03;
const FOR_LONG: Duration = Duration::from_secs(900);
/// Salt that separates these random numbers from those of the other parts of a run.
const SALT: u64 = 0x0F80_7700;

struct Place {
    environment: Environment,
    /// Time before which it is not used.
    until: Cell<Instant>,
}

/// The choice of the environment that serves next, and its treatment between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Any; some are frozen, some unused for a while, and their clocks jump.
    Restless,
    /// Any, since Lambda documents no order. Nothing happens to idle ones.
    Steady,
}

/// A pool of environments, some of them idle.
pub(crate) struct RouterPool {
    manner: Manner,
    maker: Maker,
    /// Idle environments.
    idle: RefCell<Vec<Rc<Place>>>,
    started: Cell<usize>,
    rng: RefCell<StdRng>,
    kills: Kills,
    trace: Trace,
    writes: RefCell<Writes>,
}

impl RouterPool {
    /// Creates a pool under a seed, with or without a mutation.
    pub(crate) fn new(manner: Manner, stack: &Stack, make: Make, kills: Kills, trace: Trace) -> Self {
        let pool = Self {
            manner,
            maker: Maker::new(stack, make),
            idle: RefCell::default(),
            started: Cell::new(0),
            rng: RefCell::new(StdRng::seed_from_u64(make.seed ^ SALT)),
            kills,
            trace,
            writes: RefCell::default(),
        };
        let places = (0..ENVIRONMENTS).map(|_| pool.start()).collect();
        pool.idle.replace(places);
        pool
    }

    /// Sends one request of a tenant. An error is a broken connection: the caller does not know the outcome.
    pub(crate) async fn request(&self, tenant: &str, request: Request<Bytes>) -> Result<Response<Bytes>, Killed> {
        let place = self.take().unwrap_or_else(|| self.start());
        let environment = &place.environment;
        let response = self.kills.guard(Role::Router, environment.invoke(tenant, request)).await;
        self.writes.borrow_mut().add(environment.wire.take_writes());
        if response.is_ok() {
            self.rest(&place);
            self.idle.borrow_mut().push(place);
        }
        response
    }

    /// Draws what happens to an environment that has served.
    fn rest(&self, place: &Place) {
        if self.manner == Manner::Restless {
            let mut rng = self.rng.borrow_mut();
            if let Some(ms) = place.environment.rest(&mut rng) {
                self.trace.note(format_args!("a router's wall clock jumps by {} s", ms / 1_000));
            }
            if rng.random_bool(FORGOTTEN) {
                place.until.set(Instant::now() + rng.random_range(Duration::ZERO..FOR_LONG));
            }
        }
    }

    /// Returns the number of environments started so far.
    pub(crate) const fn started(&self) -> usize {
        self.started.get()
    }

    /// Returns the counts of all writes by guard.
    pub(crate) fn writes(&self) -> Writes {
        self.writes.borrow().clone()
    }

    fn take(&self) -> Option<Rc<Place>> {
        let (mut idle, now) = (self.idle.borrow_mut(), Instant::now());
        let ready: Vec<usize> = (0..idle.len()).filter(|at| idle[*at].until.get() <= now).collect();
        if ready.is_empty() {
            return None;
        }
        let at = ready[self.rng.borrow_mut().random_range(0..ready.len())];
        Some(idle.swap_remove(at))
    }

    fn start(&self) -> Rc<Place> {
        let number = self.started.get();
        self.started.set(number + 1);
        Rc::new(Place { environment: self.maker.start(number), until: Cell::new(Instant::now()) })
    }
}

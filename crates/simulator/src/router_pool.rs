//! The routers behind the URL: environments that serve one request at a time. If none is idle another one starts, and one
//! that is killed is gone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::environment::{Environment, Make, Maker};
use crate::kill::{Killed, Kills};
use crate::trace::Trace;
use crate::wire::Writes;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::Role;

/// Environments there are from the start.
const ENVIRONMENTS: usize = 8;
/// How often an environment is not used for a while, and for how long at most.
const FORGOTTEN: f64 = 0.03;
const FOR_LONG: Duration = Duration::from_secs(900);
/// What tells its randomness from that of the other parts of a run.
const SALT: u64 = 0x0F80_7700;

struct Place {
    environment: Environment,
    /// Not used before this.
    until: Cell<Instant>,
}

/// Which environment serves next, and what becomes of it between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Any; some are frozen, some forgotten for a while, and their clocks jump.
    Restless,
    /// Any, since nobody says which one Lambda picks; and nothing becomes of it.
    Steady,
}

/// The environments there are, and which of them are idle.
pub(crate) struct RouterPool {
    manner: Manner,
    maker: Maker,
    /// Those that serve nobody just now.
    idle: RefCell<Vec<Rc<Place>>>,
    started: Cell<usize>,
    rng: RefCell<StdRng>,
    kills: Kills,
    trace: Trace,
    writes: RefCell<Writes>,
}

impl RouterPool {
    /// A pool under a seed, with or without a bug in it.
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

    /// One request of a tenant. An error is a connection that broke: the caller knows nothing then.
    pub(crate) async fn request(&self, tenant: &str, request: Request<Bytes>) -> Result<Response<Bytes>, Killed> {
        let place = self.take().unwrap_or_else(|| self.start());
        let environment = &place.environment;
        let answer = self.kills.guard(Role::Router, environment.invoke(tenant, request)).await;
        self.writes.borrow_mut().add(environment.wire.take_writes());
        if answer.is_ok() {
            self.rest(&place);
            self.idle.borrow_mut().push(place);
        }
        answer
    }

    /// What becomes of an environment that has served.
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

    /// Environments started so far.
    pub(crate) const fn started(&self) -> usize {
        self.started.get()
    }

    /// How all writes were guarded.
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

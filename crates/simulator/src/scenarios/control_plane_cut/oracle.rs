//! The check that each response is as it must be, given all that the caller can't know.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use cellstack_core::limits::{BREAKER_COOLDOWN_MAX, TENANT_LEASE};
use hyper::Response;

use super::{CutOff, LATE, SOON};
use crate::operators::mover::Tenure;
use crate::surroundings::wire::Writes;

/// A request, and all that the simulator knows of it.
pub(super) struct Told<'a> {
    pub(super) environment: usize,
    pub(super) tenant: &'a str,
    pub(super) at: Duration,
    pub(super) took: Duration,
    /// The true age of the environment's route; `None` if it never had one.
    pub(super) age: Option<Duration>,
    pub(super) before: Option<Tenure>,
    pub(super) after: Option<Tenure>,
    pub(super) writes: Writes,
    pub(super) response: Response<Bytes>,
}

impl Told<'_> {
    fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, cell) = (self.header("x-route-source"), self.header("x-cell-id"));
        let (epoch, took) = (self.header("x-cell-epoch"), self.took.as_millis());
        write!(f, "router {} responds to {} with {}", self.environment, self.tenant, self.status())?;
        write!(f, " after {took} ms from {cell} at {epoch} by {source}, route of age {:?}", self.age)?;
        write!(f, ", {} fenced and {} plain writes", self.writes.fenced, self.writes.plain)
    }
}

/// An environment's true knowledge of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knows {
    /// It has served the tenant under this epoch.
    Served,
    /// It has served the tenant under an epoch that is over.
    Outdated,
    /// It has looked the tenant up at some time, and served nothing.
    LookedUp,
    Nothing,
}

/// A checker of responses, which also counts them.
pub(super) struct Oracle {
    cut: Duration,
    back: Duration,
    /// The epoch under which an environment last served a tenant.
    served: BTreeMap<(usize, String), u64>,
    pub(super) cut_off: CutOff,
}

impl Oracle {
    pub(super) fn new(cut: Duration, back: Duration) -> Self {
        Self { cut, back, served: BTreeMap::new(), cut_off: CutOff::default() }
    }

    pub(super) fn check(&mut self, told: Told<'_>) {
        let (ends, accepted) = (told.at + told.took, told.status() == 202);
        // A tenant between two cells has no owner, and a request during a move allows no verdict.
        let steady = told.before == told.after && told.before.as_ref().is_some_and(|tenure| tenure.served);
        if told.at >= self.cut && ends < self.back {
            self.during(&told, steady);
        } else if ends < self.cut && steady {
            self.demand(accepted, &told, "nothing was wrong");
        } else if told.at > self.back + BREAKER_COOLDOWN_MAX + SOON && steady {
            self.cut_off.after += 1;
            self.demand(accepted, &told, "the control plane was back");
        }
        self.cut_off.plain_past_lease += told.writes.wrong.len();
        self.cut_off.violations.extend_from_slice(&told.writes.wrong);
        if let Some(epoch) = told.header("x-cell-epoch").parse().ok().filter(|_| accepted) {
            self.served.insert((told.environment, told.tenant.to_owned()), epoch);
        }
    }

    fn during(&mut self, told: &Told<'_>, steady: bool) {
        self.cut_off.requests += 1;
        self.cut_off.fenced += told.writes.fenced;
        if !steady {
            self.cut_off.in_transit += 1;
            self.demand(told.took <= LATE, told, "a response has to come in time");
            return;
        }
        match self.knows(told) {
            Knows::Served => self.warm(told),
            Knows::Outdated => {
                self.cut_off.outdated += 1;
                self.demand(told.status() == 503 && told.took <= LATE, told, "its route is out of date");
            }
            Knows::LookedUp => self.demand(told.took <= LATE, told, "a response has to come in time"),
            Knows::Nothing => {
                self.cut_off.cold.push(told.took);
                let refused = told.status() == 503 && told.header("retry-after") == "1";
                self.demand(refused, told, "nobody could know where the tenant is");
                self.demand(told.header("x-cell-id").is_empty(), told, "there is no default cell");
                self.demand(told.took <= SOON, told, "a router that knows nothing says so soon");
            }
        }
    }

    fn warm(&mut self, told: &Told<'_>) {
        self.cut_off.warm += 1;
        let accepted = told.status() == 202;
        self.cut_off.warm_served += usize::from(accepted);
        self.demand(accepted, told, "it has served the tenant before");
        if accepted && told.age.is_some_and(|age| age >= TENANT_LEASE) {
            self.cut_off.stale_served += 1;
            let fenced = told.writes.fenced > 0 && told.writes.plain == 0 && told.header("x-route-source") == "stale";
            self.demand(fenced, told, "its route is stale");
        }
    }

    fn knows(&self, told: &Told<'_>) -> Knows {
        let now = told.before.as_ref().map(Tenure::epoch);
        match self.served.get(&(told.environment, told.tenant.to_owned())) {
            Some(epoch) if Some(*epoch) == now => Knows::Served,
            Some(_) => Knows::Outdated,
            None if told.age.is_some() => Knows::LookedUp,
            None => Knows::Nothing,
        }
    }

    fn demand(&mut self, holds: bool, told: &Told<'_>, since: &str) {
        if !holds {
            self.cut_off.violations.push(format!("at {:.3} s {told}: {since}", told.at.as_secs_f64()));
        }
    }
}

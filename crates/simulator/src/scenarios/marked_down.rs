//! A cell that fails, is marked down, and comes back ten minutes later: the effect on its tenants' callers, and the
//! fate of the events that standbys hold.
//!
//! | phase | happens |
//! |---|---|
//! | before | all is well |
//! | failing | the cell's table fails, and nobody has marked it |
//! | down | it is marked: the standbys hold its tenants' new events |
//! | recovering | it is well, and marked so: it is read, new events still go to the standbys |
//! | active | as before |

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use bytes::Bytes;
use cellstack_core::limits::{BREAKER_COOLDOWN_MAX, CELL_LEASE};
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, EventId, EventStatus, TenantId};
use cellstack_emulator::{Fault, FaultKind};
use futures::StreamExt as _;
use futures::future::join;
use futures::stream::FuturesUnordered;
use hyper::{Request, Response};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;

use crate::operators::marker::mark;
use crate::operators::mover::Place;
use crate::oracle::final_state::FinalState;
use crate::surroundings::BEGINNING;
use crate::surroundings::environment::Make;
use crate::surroundings::kill::Kills;
use crate::surroundings::network::Way;
use crate::surroundings::router_pool::{Manner, RouterPool};
use crate::trace::Trace;
use crate::world::appoint_standby;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::Hooks;
use cellstack_embedded::names::{CellNames, Ordering};

/// The cell that fails.
const VICTIM: usize = 0;
/// Pause between two requests of a tenant.
const EVERY: Duration = Duration::from_secs(5);
/// The share of requests that repeat an earlier event.
const REPEATS: f64 = 0.2;
/// Time after which routers know of a mark, and a breaker that was open is closed again.
const KNOWN: Duration = CELL_LEASE.saturating_add(BREAKER_COOLDOWN_MAX);

const PHASES: [(&str, Duration); 5] = [
    ("before", Duration::from_secs(60)),
    ("failing", Duration::from_secs(20)),
    ("down", Duration::from_secs(600)),
    ("recovering", Duration::from_secs(120)),
    ("active", Duration::from_secs(120)),
];

/// The outcome of a phase, from the moment when every router knew of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phase {
    /// The phase's name.
    pub name: &'static str,
    /// Events of the cell's tenants.
    pub events: usize,
    /// Of these, accepted.
    pub accepted: usize,
    /// Of these, repeats.
    pub repeats: usize,
    /// Of the repeats, those that got the id of the first request.
    pub same: usize,
    /// Events of the other cells' tenants.
    pub others: usize,
    /// Of these, accepted.
    pub others_accepted: usize,
}

/// The outcome of the scenario.
#[derive(Debug, Clone)]
pub struct MarkedDown {
    /// The outcome by phase.
    pub phases: Vec<Phase>,
    /// Events that standbys hold and the cell does not have.
    pub held: usize,
    /// Of these, listed as held, with the cell that holds them.
    pub listed: usize,
    /// Repeats that standbys hold of events that the cell took before it failed. They are dropped on the way home.
    pub held_twice: usize,
    /// Events in a standby that are not held, but processed or to be processed.
    pub processed_by_standbys: usize,
    /// Acknowledged events that no request finds when all is over.
    pub lost: usize,
}

/// Runs the scenario.
///
/// # Errors
/// When the stack can't be built or read.
pub fn marked_down(cells: usize, tenants: usize) -> Result<MarkedDown> {
    fastrand::seed(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let world = World::build(cells, tenants).await?;
        join(world.requests(), world.script()).await;
        world.look().await
    })
}

struct World {
    stack: Stack,
    routers: RouterPool,
    trace: Trace,
    tenants: Vec<TenantId>,
    phases: RefCell<Vec<Phase>>,
    acknowledged: RefCell<Vec<BTreeMap<String, EventId>>>,
}

impl World {
    async fn build(cells: usize, tenants: usize) -> Result<Self> {
        let hooks = Hooks {
            wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
            network: Some(Arc::new(Way::new(1))),
            ..Hooks::NONE
        };
        let cells: Vec<CellId> = (1..=cells).map(|n| format!("c{n:02}").parse()).collect::<Result<_, _>>()?;
        let tenants: Vec<TenantId> = (1..=tenants).map(|n| format!("t{n:04}").parse()).collect::<Result<_, _>>()?;
        let mut builder = Stack::builder().seed(1).hooks(hooks);
        for cell in &cells {
            builder = builder.cell(cell.clone());
        }
        for (at, tenant) in tenants.iter().enumerate() {
            builder = builder.tenant(tenant.clone(), cells[at % cells.len()].clone());
        }
        let stack = builder.build().await?;
        for (at, tenant) in tenants.iter().enumerate() {
            let cell = at % cells.len();
            let others = cells.len() - 1;
            let standby = Some((cell + 1 + at / cells.len() % others) % cells.len());
            appoint_standby(&stack, tenant, Place { cell, standby }).await?;
        }
        let trace = Trace::new(false);
        let routers = RouterPool::new(Manner::Steady, &stack, Make::of(1, None), Kills::default(), trace.clone());
        let phases = PHASES.map(|(name, _)| Phase { name, ..Phase::default() }).to_vec();
        let acknowledged = vec![BTreeMap::new(); tenants.len()];
        let (phases, acknowledged) = (RefCell::new(phases), RefCell::new(acknowledged));
        Ok(Self { stack, routers, trace, tenants, phases, acknowledged })
    }

    async fn script(&self) {
        let wait = |phase: usize| tokio::time::sleep(PHASES[phase].1);
        wait(0).await;
        let table = CellNames::of(&self.stack.cells()[VICTIM]).table;
        let fault = self.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::ServerError).on(&table));
        wait(1).await;
        mark(&self.stack, VICTIM, CellStatus::Down).await;
        wait(2).await;
        self.stack.aws().faults().remove(fault);
        mark(&self.stack, VICTIM, CellStatus::Recovering).await;
        wait(3).await;
        mark(&self.stack, VICTIM, CellStatus::Active).await;
        wait(4).await;
    }

    async fn requests(&self) {
        let tenants = (0..self.tenants.len()).map(|tenant| self.tenant(tenant));
        tenants.collect::<FuturesUnordered<_>>().collect::<()>().await;
    }

    /// Sends one tenant's requests, from the beginning to the end.
    async fn tenant(&self, tenant: usize) {
        let mut rng = StdRng::seed_from_u64(tenant as u64);
        tokio::time::sleep(rng.random_range(Duration::ZERO..EVERY)).await;
        let end: Duration = PHASES.iter().map(|(_, lasts)| *lasts).sum();
        for number in 0.. {
            let at = self.trace.elapsed();
            if at >= end {
                return;
            }
            let known = self.acknowledged.borrow()[tenant].len();
            let again = known > 0 && rng.random_bool(REPEATS);
            let name = if again {
                let names = &self.acknowledged.borrow()[tenant];
                names.keys().nth(rng.random_range(0..known)).cloned().unwrap_or_default()
            } else {
                format!("n{number}")
            };
            let id = self.post(tenant, &name).await;
            self.note(tenant, at, &name, again, id);
            tokio::time::sleep_until(tokio::time::Instant::now() + EVERY).await;
        }
    }

    fn note(&self, tenant: usize, at: Duration, name: &str, again: bool, id: Option<EventId>) {
        let first = self.acknowledged.borrow()[tenant].get(name).copied();
        if let Some(id) = id {
            self.acknowledged.borrow_mut()[tenant].entry(name.to_owned()).or_insert(id);
        }
        let mut begins = Duration::ZERO;
        let phase = PHASES.iter().position(|(_, lasts)| {
            begins += *lasts;
            at < begins
        });
        let Some(phase) = phase else { return };
        begins -= PHASES[phase].1;
        let settles = if matches!(PHASES[phase].0, "before" | "failing") { Duration::ZERO } else { KNOWN };
        if at < begins + settles {
            return;
        }
        let phase = &mut self.phases.borrow_mut()[phase];
        if tenant % self.stack.cells().len() != VICTIM {
            phase.others += 1;
            phase.others_accepted += usize::from(id.is_some());
            return;
        }
        phase.events += 1;
        phase.accepted += usize::from(id.is_some());
        phase.repeats += usize::from(again);
        phase.same += usize::from(again && id.is_some() && id == first);
    }

    async fn post(&self, tenant: usize, name: &str) -> Option<EventId> {
        let request = Request::post("/v1/events")
            .header("content-type", "application/json")
            .header("idempotency-key", name)
            .body(format!(r#"{{"type":"order.placed","data":{{"amount":1,"name":"{name}","mood":"good"}}}}"#).into());
        let response = self.request(tenant, request.unwrap_or_default()).await?;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status() == 202).then(|| body["id"].as_str()?.parse().ok()).flatten()
    }

    async fn request(&self, tenant: usize, mut request: Request<Bytes>) -> Option<Response<Bytes>> {
        let tenant = self.tenants[tenant].as_str();
        request.headers_mut().insert("x-tenant-id", tenant.parse().ok()?);
        self.routers.request(tenant, request).await.ok()
    }

    async fn get(&self, tenant: usize, path: &str) -> Option<Value> {
        let response = self.request(tenant, Request::get(path).body(Bytes::new()).unwrap_or_default()).await?;
        (response.status() == 200).then(|| serde_json::from_slice(response.body()).ok()).flatten()
    }

    /// Reads the final state, and returns the outcome.
    async fn look(&self) -> Result<MarkedDown> {
        tokio::time::sleep(KNOWN).await;
        let state = FinalState::take(&self.stack, Ordering::None, &self.trace).await?;
        let is_held = |status: EventStatus| status == EventStatus::Held;
        let held = state.events.values().filter(|event| is_held(event.status()));
        let (twice, once): (Vec<_>, Vec<_>) = held.partition(|event| state.copies(&event.subject()).count() > 1);
        let at_home = |tenant: &str| {
            let at = self.tenants.iter().position(|known| known.as_str() == tenant).unwrap_or_default();
            at % self.stack.cells().len()
        };
        let away = state.events.values().filter(|event| at_home(event.record.tenant_id.as_str()) != event.cell);
        let processed_by_standbys = away.filter(|event| !is_held(event.status())).count();
        let (mut listed, mut lost) = (0, 0);
        for (tenant, events) in self.acknowledged.take().iter().enumerate() {
            for id in events.values() {
                lost += usize::from(self.get(tenant, &format!("/v1/events/{id}")).await.is_none());
            }
            listed += self.listed_as_held(tenant).await;
        }
        let (phases, held, held_twice) = (self.phases.borrow().clone(), once.len(), twice.len());
        Ok(MarkedDown { phases, held, listed, held_twice, processed_by_standbys, lost })
    }

    /// Returns the number of a tenant's events that are listed as held, with the cell that holds them.
    async fn listed_as_held(&self, tenant: usize) -> usize {
        let (mut listed, mut cursor) = (0, String::new());
        loop {
            let Some(page) = self.get(tenant, &format!("/v1/events?limit=100{cursor}")).await else { return listed };
            let cells = self.stack.cells();
            let home = cells[tenant % cells.len()].as_str();
            let is_held =
                |event: &&Value| event["status"] == "held" && event["cell"].as_str().is_some_and(|cell| cell != home);
            listed += page["events"].as_array().into_iter().flatten().filter(is_held).count();
            let Some(next) = page["cursor"].as_str() else { return listed };
            cursor = format!("&cursor={next}");
        }
    }
}

//! One run: a stack, callers, faults, and the wait until all is at rest.

mod caller;
mod schedule;
mod strikes;

use std::cell::RefCell;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::mutation as code;
use cellstack_core::{CellId, EventStatus, TenantId};
use futures::StreamExt;
use futures::future::join5;
use futures::stream::FuturesUnordered;

use crate::application::{Application, Model};
use crate::faults::hits::Hits;
use crate::faults::plan::Plan;
use crate::mutation::Mutation;
use crate::operators::marker::Marker;
use crate::operators::mover::{Mover, Place};
use crate::operators::{Redrives, Report, redrive_all};
use crate::oracle::final_state::FinalState;
use crate::oracle::journal::Journal;
use crate::oracle::{Checks, Evidence, Findings, Seen, Violation};
use crate::setup::Setup;
use crate::surroundings::environment::Make;
use crate::surroundings::kill::{AwaitPoint, Coverage, Kills};
use crate::surroundings::processor::{Behaviours, FlakyProcessor};
use crate::surroundings::router_pool::{Manner, RouterPool};
use crate::surroundings::{hooks, watch};
use crate::trace::Trace;
use crate::workload;
use caller::Caller;
use cellstack_embedded::names::Ordering;
use cellstack_embedded::{Pipeline, Stack};
use strikes::Injected;

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Hash of everything that happened, in order.
    pub hash: u64,
    /// Events in the tables.
    pub accepted: usize,
    /// Of these, processed.
    pub processed: usize,
    /// Of these, failed or among the dead letters, and not processed.
    pub dead: usize,
    /// Of these, held by a standby.
    pub held: usize,
    /// Events of batches that a stream mapping discarded.
    pub discarded: usize,
    /// Virtual time it took.
    pub took: Duration,
    /// The planned faults, in words.
    pub plan: Vec<String>,
    /// The number of faults that the seed planned, including those left out.
    pub drawn: usize,
    /// The number of times that each fault was planned and struck.
    pub hits: Hits,
    /// The number of times that each invariant was checked.
    pub checks: Checks,
    /// The invariants that do not hold.
    pub violations: Vec<Violation>,
    /// The await points that invocations reached, and were killed at.
    pub coverage: Coverage,
    /// The last lines of the trace, if requested.
    pub lines: Vec<String>,
}

/// Runs a setup with an application. Kills strike at `points`.
///
/// # Errors
/// When the stack can't be built or read.
pub fn run(application: &impl Application, setup: &Setup, points: &[AwaitPoint], keep_lines: bool) -> Result<Outcome> {
    // The SDK takes the jitter of its retries from `fastrand`.
    fastrand::seed(setup.seed);
    let _planted = setup.mutation.and_then(Mutation::plant);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let plan = Plan::draw(setup, &World::cells(setup)?, points);
        let world = World::build(application.fresh(), setup, keep_lines).await?;
        world.run(setup, &plan).await
    })
}

pub(crate) struct World {
    pub(crate) application: Box<dyn Model>,
    pub(crate) routers: RouterPool,
    pub(crate) mover: Mover,
    pub(crate) marker: Marker,
    pub(crate) trace: Trace,
    pub(crate) seen: RefCell<Seen>,
    pub(crate) stack: Stack,
    pub(crate) tenants: Vec<TenantId>,
    pub(crate) ordering: Ordering,
    pub(crate) behaviours: Behaviours,
    pub(crate) kills: Kills,
    pub(crate) injected: RefCell<Vec<Injected>>,
    pub(crate) redrives: Redrives,
}

impl World {
    fn cells(setup: &Setup) -> Result<Vec<CellId>> {
        Ok((1..=setup.cells).map(|n| format!("c{n:02}").parse()).collect::<Result<_, _>>()?)
    }

    async fn build(application: impl Application, setup: &Setup, keep_lines: bool) -> Result<Self> {
        let cells = Self::cells(setup)?;
        let tenants: Vec<TenantId> =
            (1..=setup.tenants).map(|n| format!("t{n:04}").parse()).collect::<Result<_, _>>()?;
        let (trace, kills, behaviours) = (Trace::new(keep_lines), Kills::default(), Behaviours::default());
        let places: Vec<Place> =
            (0..setup.tenants).map(|at| Place { cell: at % setup.cells, standby: setup.standby(at) }).collect();

        let mut builder = Stack::builder().seed(setup.seed).pipeline(pipeline(setup)).hooks(hooks(setup.seed, &kills));
        for cell in &cells {
            builder = builder.cell(cell.clone());
        }
        for (tenant, place) in tenants.iter().zip(&places) {
            builder = builder.tenant(tenant.clone(), cells[place.cell].clone());
        }
        let refuses = application.refuses_poison();
        let stack =
            builder.build_with(|| FlakyProcessor::new(application.clone(), behaviours.clone(), refuses)).await?;
        for (tenant, place) in tenants.iter().zip(&places) {
            appoint_standby(&stack, tenant, *place).await?;
        }
        let make = Make { seed: setup.seed, mutation: setup.mutation, standby: setup.standbys() };
        let routers = RouterPool::new(Manner::Restless, &stack, make, kills.clone(), trace.clone());
        let places = tenants.iter().cloned().zip(places).collect();
        let mover = Mover::new(&stack, places, trace.clone(), setup.mutation == Some(Mutation::HastyMove));
        Ok(Self {
            application: Box::new(application),
            routers,
            mover,
            marker: Marker::default(),
            trace,
            seen: RefCell::default(),
            stack,
            tenants,
            ordering: setup.ordering(),
            behaviours,
            kills,
            injected: RefCell::default(),
            redrives: Redrives::default(),
        })
    }

    async fn run(&self, setup: &Setup, plan: &Plan) -> Result<Outcome> {
        let watch = watch(&self.stack, &self.trace);
        let orders = workload::draw(setup, plan.trouble(), &*self.application);
        let callers = orders.into_iter().zip(&self.tenants).enumerate().map(|(at, (orders, tenant))| {
            let caller = Caller { world: self, cell: at % setup.cells, tenant };
            async move { caller.send_all(orders).await }
        });
        // Not `join_all`, which polls all futures for one: each poll of a handler has to be a wait of its own.
        let callers = callers.collect::<FuturesUnordered<_>>().collect::<()>();
        let (moves, marks, redrives) = (self.move_tenants(plan), self.mark_cells(plan), self.operate(plan));
        join5(callers, self.go_wrong(plan), moves, marks, redrives).await;

        let mut findings = Findings::default();
        let mut restless = self.come_to_rest().await;
        let (mut state, mut journal) = self.look(setup, plan, restless.as_deref(), None, &mut findings).await?;
        if restless.is_none() && setup.redrive {
            self.behaviours.mend();
            let rest = async || drop(self.come_to_rest().await);
            let report = redrive_all(&self.stack, setup.seed, &self.trace, rest).await?;
            restless = self.come_to_rest().await;
            (state, journal) = self.look(setup, plan, restless.as_deref(), Some(&report), &mut findings).await?;
        }
        // The watcher has to note the last observations before the hash is taken.
        tokio::time::sleep(Duration::from_millis(1)).await;
        watch.abort();
        Ok(self.outcome(setup, plan, &state, self.hits(plan, &journal), findings))
    }

    /// Lets the oracle check the present state.
    async fn look(
        &self,
        setup: &Setup,
        plan: &Plan,
        restless: Option<&str>,
        redriven: Option<&Report>,
        findings: &mut Findings,
    ) -> Result<(FinalState, Journal)> {
        let state = FinalState::take(&self.stack, self.ordering, &self.trace).await?;
        state.note(&self.trace);
        let journal = Journal::read(&self.stack, setup.standbys()).await?;
        let cells: Vec<String> = self.stack.cells().iter().map(ToString::to_string).collect();
        let evidence = Evidence {
            setup,
            application: &*self.application,
            state: &state,
            journal: &journal,
            trace: &self.trace,
            seen: &self.seen.borrow(),
            tenures: &self.mover.tenures(),
            unfenced: &self.routers.writes().wrong,
            cells: &cells,
            excuses: &self.excuses(setup, plan),
            restless,
            redriven,
        };
        evidence.check(findings);
        Ok((state, journal))
    }

    fn outcome(&self, setup: &Setup, plan: &Plan, state: &FinalState, hits: Hits, findings: Findings) -> Outcome {
        Outcome {
            seed: setup.seed,
            hash: self.trace.hash(),
            accepted: state.events.len(),
            processed: state.count(EventStatus::Processed),
            dead: state.dead(),
            held: state.count(EventStatus::Held),
            discarded: state.discarded.len(),
            took: self.trace.elapsed(),
            plan: plan.planned.iter().map(ToString::to_string).collect(),
            drawn: plan.drawn,
            hits,
            checks: findings.checks,
            violations: findings.violations,
            coverage: self.kills.coverage(),
            lines: self.trace.lines(),
        }
    }
}

fn pipeline(setup: &Setup) -> Pipeline {
    let forever = setup.mutation == Some(Mutation::Code(code::Mutation::PoisonRetriedForever));
    // The most that a queue takes, where nothing else dead-letters an event.
    let max_receives = if forever { 1_000 } else { Pipeline::DEPLOYED.max_receives };
    Pipeline { ordering: setup.ordering(), max_receives, ..Pipeline::DEPLOYED }
}

/// Makes a cell stand by for a tenant.
pub(crate) async fn appoint_standby(stack: &Stack, tenant: &TenantId, place: Place) -> Result<()> {
    let Some(standby) = place.standby else { return Ok(()) };
    stack.appoint_standby(tenant, &stack.cells()[standby]).await
}

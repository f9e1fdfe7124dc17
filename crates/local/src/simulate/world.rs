//! One run: a stack, callers, faults, and the rest that follows.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use cellstack_consumer::processor;
use cellstack_core::{CellId, EventStatus, TenantId};
use futures::StreamExt;
use futures::future::join3;
use futures::stream::FuturesUnordered;

use crate::names::{CellNames, Ordering};
use crate::simulate::callers::Caller;
use crate::simulate::census::Census;
use crate::simulate::check::{Rest, Seen, Violation};
use crate::simulate::front::{Front, Manner};
use crate::simulate::kill::{AwaitPoint, Coverage, Kills};
use crate::simulate::ledger::below_the_fence;
use crate::simulate::mover::Mover;
use crate::simulate::plan::{Action, Plan};
use crate::simulate::plant::Plant;
use crate::simulate::processor::Moody;
use crate::simulate::redrive::redrive;
use crate::simulate::surroundings::{hooks, watch};
use crate::simulate::trace::Trace;
use crate::simulate::{Setup, workload};
use crate::{Pipeline, Stack};

/// When every run begins: the wall clock is part of what a seed decides.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_800_000_000);
/// How long backlogs may take to drain once the faults are over.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);
/// How long nothing may stand anywhere before all is taken to be at rest: a delivery may be late by this much.
const QUIET: Duration = Duration::from_secs(480);
const GLANCE: Duration = Duration::from_secs(40);

/// What came of a run.
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
    /// Of these, failed or lying among the dead letters, and not processed.
    pub dead: usize,
    /// Of these, given up by a stream mapping.
    pub gave_up: usize,
    /// Virtual time it took.
    pub took: Duration,
    /// What went wrong by plan, in words.
    pub plan: Vec<String>,
    /// How many things the seed planned, those left out included.
    pub drawn: usize,
    /// What does not hold.
    pub violations: Vec<Violation>,
    /// Where invocations waited and were killed.
    pub coverage: Coverage,
    /// The last lines of what happened, if they were asked for.
    pub lines: Vec<String>,
}

/// Runs a setup. Kills strike at `points`.
///
/// # Errors
/// When the stack can't be built or read.
pub fn run(setup: &Setup, points: &[AwaitPoint], keep_lines: bool) -> Result<Outcome> {
    // Where the SDK takes the jitter of its retries from.
    fastrand::seed(setup.seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(World::run(setup, points, keep_lines))
}

pub(crate) struct World {
    pub(crate) front: Front,
    pub(crate) mover: Mover,
    pub(crate) trace: Trace,
    pub(crate) seen: RefCell<Seen>,
    stack: Stack,
    ordering: Ordering,
    kills: Kills,
}

impl World {
    async fn run(setup: &Setup, points: &[AwaitPoint], keep_lines: bool) -> Result<Outcome> {
        let cells: Vec<CellId> = (1..=setup.cells).map(|n| format!("c{n:02}").parse()).collect::<Result<_, _>>()?;
        let tenants: Vec<TenantId> =
            (1..=setup.tenants).map(|n| format!("t{n:04}").parse()).collect::<Result<_, _>>()?;
        let home = |tenant: usize| tenant % cells.len();
        let plan = Plan::draw(setup, &cells, points);
        let (poison, poison_tenant) = plan.poison();
        let orders = workload::draw(setup, poison, poison_tenant);
        let trace = Trace::new(keep_lines);
        let kills = Kills::default();

        let config = Arc::new(OnceLock::new());
        let mut pipeline = Pipeline { ordering: setup.ordering(), ..Pipeline::DEPLOYED };
        if setup.plant == Some(Plant::RetryForever) {
            // As often as a queue can be told.
            pipeline.max_receives = 1_000;
        }
        let mut builder = Stack::builder().seed(setup.seed).pipeline(pipeline).hooks(hooks(setup, &kills, &config));
        for cell in &cells {
            builder = builder.cell(cell.clone());
        }
        for (at, tenant) in tenants.iter().enumerate() {
            builder = builder.tenant(tenant.clone(), cells[home(at)].clone());
        }
        let stack = builder.build_with(|| Moody::new(processor())).await?;
        let _ = config.set(stack.config.clone());
        let watch = watch(&stack, &trace);
        let front = Front::new(Manner::Restless, &stack, (setup.seed, setup.plant), kills.clone(), trace.clone());
        let homes: BTreeMap<_, _> = tenants.iter().enumerate().map(|(at, tenant)| (tenant.clone(), home(at))).collect();
        let mover = Mover::new(&stack, homes, trace.clone(), setup.plant == Some(Plant::HastyMove));
        let world = Self { front, mover, trace, seen: RefCell::default(), stack, ordering: setup.ordering(), kills };

        let callers = orders.into_iter().enumerate().map(|(at, orders)| {
            let caller = Caller { world: &world, cell: home(at), tenant: &tenants[at] };
            async move { caller.send_all(orders).await }
        });
        // Not `join_all`, which polls all for the sake of one: each poll of a handler has to be a wait of its own.
        let callers = callers.collect::<FuturesUnordered<_>>().collect::<()>();
        join3(callers, world.go_wrong(&plan), world.move_tenants(&plan, &tenants)).await;
        let mut restless = world.come_to_rest().await;
        // What a planted bug leaves is to be found, not redriven.
        if restless.is_none() && setup.redrive && setup.plant.is_none() {
            redrive(&world.stack, setup.seed, &world.trace).await?;
            restless = world.come_to_rest().await;
        }
        let census = Census::take(&world.stack, world.ordering, &world.trace).await?;
        census.note(&world.trace);
        // The last observations are the watcher's to note before the hash is taken.
        tokio::time::sleep(Duration::from_millis(1)).await;
        watch.abort();

        let (below, _) = below_the_fence(&world.stack).await?;
        let unfenced = [below, world.front.writes().wrong].concat();
        let (tenures, unfenced) = (&world.mover.tenures(), &unfenced);
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        let (seen, only) = (&world.seen.borrow(), plan.only);
        let rest = Rest { census: &census, seen, tenures, unfenced, cells: &cells, only, restless };
        let violations = rest.violations();
        Ok(outcome(setup, &world, &plan, &census, violations))
    }

    /// Injects what is planned, each for its time, then ends all of it.
    async fn go_wrong(&self, plan: &Plan) {
        let mut ends = BTreeSet::new();
        let mut planned = plan.planned.iter().peekable();
        loop {
            let begins = planned.peek().map(|planned| planned.from);
            let ending = ends.first().map(|(at, _)| *at);
            let Some(next) = [begins, ending].into_iter().flatten().min() else { break };
            tokio::time::sleep(next.saturating_sub(self.trace.elapsed())).await;
            if ending == Some(next) {
                if let Some((_, (id, what))) = ends.pop_first() {
                    self.stack.aws().faults().remove(id);
                    self.trace.note(format_args!("over: {what}"));
                }
            } else if let Some(planned) = planned.next() {
                self.trace.note(format_args!("now: {planned}"));
                match &planned.action {
                    Action::Inject(injection) => {
                        for fault in &injection.faults {
                            let id = self.stack.aws().faults().inject(fault.clone());
                            ends.insert((planned.until(), (id, planned.mishap)));
                        }
                    }
                    Action::Kill(armed) => self.kills.arm(*armed),
                    Action::Move(_) | Action::Poison { .. } => {}
                }
            }
        }
        self.stack.aws().faults().clear();
    }

    /// Moves tenants as planned, all the way, even where faults hold it up.
    async fn move_tenants(&self, plan: &Plan, tenants: &[TenantId]) {
        let moves = FuturesUnordered::new();
        for planned in &plan.planned {
            let Action::Move(moving) = &planned.action else { continue };
            for (tenant, to) in moving {
                moves.push(async {
                    tokio::time::sleep(planned.from.saturating_sub(self.trace.elapsed())).await;
                    self.mover.move_tenant(&tenants[*tenant], *to).await;
                });
            }
        }
        moves.collect::<()>().await;
    }

    /// Waits until nothing is on its way any more; what is, if that takes too long.
    async fn come_to_rest(&self) -> Option<String> {
        self.kills.disarm();
        self.trace.note(format_args!("faults are over"));
        let (begun, mut quiet_since) = (self.trace.elapsed(), self.trace.elapsed());
        loop {
            tokio::time::sleep(GLANCE).await;
            let now = self.trace.elapsed();
            let Some(busy) = self.busy() else {
                if now - quiet_since >= QUIET {
                    return None;
                }
                continue;
            };
            quiet_since = now;
            if now - begun > PATIENCE {
                return Some(format!("{busy} {} minutes after the faults were over", PATIENCE.as_secs() / 60));
            }
        }
    }

    fn busy(&self) -> Option<String> {
        for mapping in &self.stack.mappings {
            if mapping.lag() > 0 {
                return Some(format!("a stream mapping is {} records behind", mapping.lag()));
            }
        }
        self.stack.cells().iter().find_map(|cell| {
            let queue = CellNames::ordered(cell, self.ordering).events;
            let left = self.stack.aws().peek_queue(&queue).len();
            (left > 0).then(|| format!("{left} messages are in {queue}"))
        })
    }
}

fn outcome(setup: &Setup, world: &World, plan: &Plan, census: &Census, violations: Vec<Violation>) -> Outcome {
    let processed = census.count(EventStatus::Processed);
    let dead = census.events.iter().filter(|((_, id, _), event)| {
        event.record.status != EventStatus::Processed
            && (event.record.status == EventStatus::Failed || census.letters.contains_key(id))
    });
    Outcome {
        seed: setup.seed,
        hash: world.trace.hash(),
        accepted: census.events.len(),
        processed,
        dead: dead.count(),
        gave_up: census.gave_up.len(),
        took: world.trace.elapsed(),
        plan: plan.planned.iter().map(ToString::to_string).collect(),
        drawn: plan.drawn,
        violations,
        coverage: world.kills.coverage(),
        lines: world.trace.lines(),
    }
}

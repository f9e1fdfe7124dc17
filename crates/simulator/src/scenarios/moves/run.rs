//! The run: callers, operators, faults, and the rest at the end.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use cellstack_core::limits::{CELL_LEASE, LONGEST_WRITE};
use cellstack_core::{CellId, TenantId};
use cellstack_embedded::hooks::Hooks;
use cellstack_embedded::names::CellNames;
use cellstack_embedded::{Pipeline, Stack};
use futures::StreamExt as _;
use futures::future::{join, join3};
use futures::stream::FuturesUnordered;
use serde_json::Value;

use super::Moved;
use super::callers::Acknowledged;
use super::draw::{CELLS, Drawn, Mark, Plan, TENANTS, Then, Verb, cell};
use super::oracle::{check, rested};
use super::runs::{End, cellctl};
use crate::mutation::Mutation;
use crate::operators::mover::Place;
use crate::surroundings::BEGINNING;
use crate::surroundings::environment::Make;
use crate::surroundings::kill::Kills;
use crate::surroundings::network::Way;
use crate::surroundings::router_pool::{Manner, RouterPool};
use crate::surroundings::watch;
use crate::trace::{Subject, Trace};
use crate::world::appoint_standby;

/// Runs that take a move further when nobody is killed any more, before the move counts as one that does not end.
const LAST_TRIES: usize = 20;
/// Time for which callers continue when all moves have ended.
const AFTER: Duration = Duration::from_secs(30);
/// Time after a cell is up in which what was held may still be on its way through the queue.
const UP: Duration = Duration::from_secs(5);
/// Sort key of an event that no copy explains.
const STRAY: &str = "event#01932c07-209c-7a3e-8000-0123456789ab";

pub(super) struct World {
    pub(super) stack: Stack,
    pub(super) tenants: Vec<TenantId>,
    pub(super) trace: Trace,
    /// The events that callers got acknowledged, by tenant and name.
    pub(super) acknowledged: RefCell<BTreeMap<(usize, String), Acknowledged>>,
    pub(super) moved: RefCell<Moved>,
    /// The events that had a letter at some time: a redrive may process them late.
    pub(super) lettered: RefCell<BTreeSet<Subject>>,
    pub(super) marked: RefCell<Option<Marked>>,
    pub(super) routers: RouterPool,
    pub(super) ended: Cell<bool>,
}

/// The times in which routers disagree about a cell, since it is being marked down or up.
#[derive(Debug, Clone, Default)]
pub(super) struct Marked {
    pub(super) down: Range<Duration>,
    pub(super) up: Range<Duration>,
}

pub(super) async fn run(drawn: &Drawn, mutation: Option<Mutation>, keep_lines: bool) -> Result<Moved> {
    let world = World::build(drawn, mutation, keep_lines).await?;
    let watch = watch(&world.stack, &world.trace);
    let operate = async {
        let moves = drawn.moves.iter().map(|plan| world.move_tenant(plan));
        let moves = moves.collect::<FuturesUnordered<_>>().collect::<()>();
        let mark = async {
            if let Some(mark) = &drawn.mark {
                world.mark(mark).await;
            }
        };
        join(moves, mark).await;
        tokio::time::sleep(AFTER).await;
        world.ended.set(true);
    };
    let callers = (0..TENANTS).map(|tenant| world.call(drawn.seed, tenant));
    let callers = callers.collect::<FuturesUnordered<_>>().collect::<()>();
    join3(operate, callers, world.go_wrong(drawn)).await;
    world.stack.aws().faults().clear();
    rested(&world, drawn.ordering).await?;
    check(&world, drawn).await?;
    // The watcher has to note the last observations before the hash is taken.
    tokio::time::sleep(Duration::from_millis(1)).await;
    watch.abort();
    let World { trace, moved, .. } = world;
    Ok(Moved { seed: drawn.seed, hash: trace.hash(), drawn: drawn.in_words(), lines: trace.lines(), ..moved.take() })
}

impl World {
    async fn build(drawn: &Drawn, mutation: Option<Mutation>, keep_lines: bool) -> Result<Self> {
        let hooks = Hooks {
            wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
            network: Some(Arc::new(Way::new(drawn.seed))),
            ..Hooks::NONE
        };
        let cells: Vec<CellId> = (0..CELLS).map(|number| cell(number).parse()).collect::<Result<_, _>>()?;
        let tenants: Vec<TenantId> = (0..TENANTS).map(|n| format!("t{n}").parse()).collect::<Result<_, _>>()?;
        let pipeline = Pipeline { ordering: drawn.ordering, ..Pipeline::DEPLOYED };
        let mut builder = Stack::builder().seed(drawn.seed).pipeline(pipeline).hooks(hooks);
        for cell in &cells {
            builder = builder.cell(cell.clone());
        }
        for (at, tenant) in tenants.iter().enumerate() {
            builder = builder.tenant(tenant.clone(), cells[at % CELLS].clone());
        }
        let stack = builder.build().await?;
        for (at, tenant) in tenants.iter().enumerate() {
            let standby = (at % 3 != 2).then_some((at + 1) % CELLS);
            appoint_standby(&stack, tenant, Place { cell: at % CELLS, standby }).await?;
        }
        let trace = Trace::new(keep_lines);
        let make = Make::of(drawn.seed, mutation);
        let routers = RouterPool::new(Manner::Restless, &stack, make, Kills::default(), trace.clone());
        let (acknowledged, moved, lettered) = (RefCell::default(), RefCell::default(), RefCell::default());
        let (marked, ended) = (RefCell::default(), Cell::new(false));
        Ok(Self { stack, tenants, trace, acknowledged, moved, lettered, marked, routers, ended })
    }

    pub(super) fn wrong(&self, what: String) {
        self.trace.note(format_args!("violation: {what}"));
        self.moved.borrow_mut().violations.push(what);
    }

    async fn go_wrong(&self, drawn: &Drawn) {
        let faults = drawn.faults.iter().map(|(at, injection)| async move {
            tokio::time::sleep(*at).await;
            let what = injection.faults.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join(" and ");
            self.trace.note(format_args!("now: {what}"));
            let inject = |(_, fault): &(String, _)| self.stack.aws().faults().inject(Clone::clone(fault));
            let ids: Vec<_> = injection.faults.iter().map(inject).collect();
            tokio::time::sleep(injection.lasts).await;
            for id in ids {
                self.stack.aws().faults().remove(id);
            }
            self.trace.note(format_args!("over: {what}"));
        });
        faults.collect::<FuturesUnordered<_>>().collect::<()>().await;
    }

    /// Marks a cell down, and brings it up when its time is over.
    async fn mark(&self, mark: &Mark) {
        tokio::time::sleep(mark.at).await;
        let (name, down) = (cell(mark.cell), self.trace.elapsed());
        if self.insist(&format!("cells down {name}"), &[]).await.is_none() {
            return self.wrong(format!("{name} can't be marked down"));
        }
        let known = self.trace.elapsed() + CELL_LEASE + LONGEST_WRITE;
        tokio::time::sleep(mark.lasts).await;
        let begun = self.trace.elapsed();
        let Some(up) = self.insist(&format!("cells up {name}"), &mark.lives).await else {
            return self.wrong(format!("{name} does not come up"));
        };
        *self.marked.borrow_mut() = Some(Marked { down: down..known, up: begun..self.trace.elapsed() + UP });
        let held = ["carried", "known"].map(|count| up[count].as_u64().unwrap_or_default());
        let mut moved = self.moved.borrow_mut();
        moved.marked += 1;
        moved.held += held.iter().sum::<u64>();
    }

    /// Runs a command about a cell until it succeeds, and returns its output. The first runs are killed.
    async fn insist(&self, line: &str, lives: &[Duration]) -> Option<Value> {
        let line = format!("{line} --operator zoe --reason simulated --output json");
        for life in lives.iter().copied().map(Some).chain([None; LAST_TRIES]) {
            let (end, data) = cellctl(&self.stack, &self.trace, "zoe", &line, life).await;
            if end == End::Done {
                return serde_json::from_str(&data).ok();
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        None
    }

    /// Moves a tenant: a first run, then others, until the move has ended. Then purges its copy, or moves the tenant back.
    async fn move_tenant(&self, plan: &Plan) {
        tokio::time::sleep(plan.at).await;
        if plan.stray {
            self.stray(plan).await;
        }
        let tenant = &self.tenants[plan.tenant];
        let more = if plan.carries { "--carry-pending" } else { "" };
        let line = format!("tenants move {tenant} --to {} --drain-time 5s {more}", cell(plan.to));
        self.operate(plan, "ann", &line, plan.life).await;
        for again in &plan.tries {
            let Some(id) = self.under_way(plan).await else { break };
            let verb = match again.verb {
                Verb::Resume => format!("moves resume {id} --drain-time 5s {more}"),
                Verb::Abort => format!("moves abort {id}"),
            };
            let bob = self.operate(plan, "bob", &verb, again.life);
            if again.twice {
                join(bob, self.operate(plan, "eve", &verb, again.life)).await;
            } else {
                bob.await;
            }
        }
        self.end(plan, more).await;
        let Some(last) = self.last(plan).await else { return };
        let (id, phase) = (last["move"].as_str().unwrap_or_default(), last["phase"].as_str().unwrap_or_default());
        match plan.then {
            Then::Back if phase == "flipped" => {
                let line = format!("moves back {id} --drain-time 5s {more}");
                self.operate(plan, "bob", &line, plan.then_life).await;
                self.end(plan, more).await;
            }
            Then::Purge if matches!(phase, "flipped" | "aborted") => self.purge(plan, id).await,
            Then::Keep | Then::Purge | Then::Back => {}
        }
    }

    /// Resumes a tenant's move until it has ended.
    async fn end(&self, plan: &Plan, more: &str) {
        for _ in 0..LAST_TRIES {
            let Some(id) = self.under_way(plan).await else { return self.count(plan).await };
            let line = format!("moves resume {id} --drain-time 60s {more}");
            self.operate(plan, "ann", &line, None).await;
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        if let Some(id) = self.under_way(plan).await {
            self.wrong(format!("move {id} of {} does not end", self.tenants[plan.tenant]));
        }
    }

    /// Deletes the copy that a move has left. A run that is killed, or meets a fault, is run again.
    async fn purge(&self, plan: &Plan, id: &str) {
        let line = format!("moves purge {id} --now");
        for life in plan.then_life.into_iter().map(Some).chain([None; LAST_TRIES]) {
            self.operate(plan, "bob", &line, life).await;
            if self.last(plan).await.is_some_and(|last| last["phase"] == "purged") {
                self.moved.borrow_mut().purged += 1;
                return;
            }
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        self.wrong(format!("the copy of move {id} can't be deleted"));
    }

    /// Runs one command about a move, and takes away what it was stopped by.
    async fn operate(&self, plan: &Plan, operator: &str, line: &str, life: Option<Duration>) {
        let line = format!("{line} --operator {operator} --reason simulated");
        match cellctl(&self.stack, &self.trace, operator, &line, life).await.0 {
            End::Killed => {
                let last = self.last(plan).await.unwrap_or_default();
                let phase = last["phase"].as_str().unwrap_or("none").to_owned();
                let mut moved = self.moved.borrow_mut();
                moved.killed += 1;
                *moved.killed_in.entry(phase).or_default() += 1;
            }
            End::Failed(error) if error.contains("differ between") => {
                if !error.contains(STRAY) {
                    self.wrong(format!("{} has a difference: {error}", self.tenants[plan.tenant]));
                }
                self.moved.borrow_mut().differed += 1;
                self.take_away(plan).await;
            }
            End::Failed(_) | End::Done => {}
        }
    }

    /// Returns the tenant's last move. Asks until it gets a response.
    async fn last(&self, plan: &Plan) -> Option<Value> {
        let line = format!("moves ls --tenant {} --output json", self.tenants[plan.tenant]);
        for _ in 0..LAST_TRIES * 10 {
            let (end, data) = cellctl(&self.stack, &Trace::new(false), "ann", &line, None).await;
            if end == End::Done {
                let moves: Value = serde_json::from_str(&data).unwrap_or_default();
                return moves.get(0).cloned();
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        self.wrong("the moves can't be listed".to_owned());
        None
    }

    async fn under_way(&self, plan: &Plan) -> Option<String> {
        let last = self.last(plan).await?;
        let is_over = matches!(last["phase"].as_str()?, "flipped" | "purged" | "aborted");
        (!is_over).then(|| last["move"].as_str().unwrap_or_default().to_owned())
    }

    /// Counts how a move has ended.
    async fn count(&self, plan: &Plan) {
        let last = self.last(plan).await.unwrap_or_default();
        let is_flipped = last["phase"] == "flipped";
        let (is_aborted, carried) = (last["phase"] == "aborted", last["counts"]["carried"].as_u64());
        self.moved.borrow_mut().end(is_flipped, is_aborted, carried.unwrap_or_default());
        // A move that was aborted never met it.
        if plan.stray && !is_flipped {
            self.take_away(plan).await;
        }
    }

    /// Puts an event into the destination that no copy explains.
    async fn stray(&self, plan: &Plan) {
        let Some(table) = self.table(plan.to) else { return };
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let number = |number: u64| aws_sdk_dynamodb::types::AttributeValue::N(number.to_string());
        for _ in 0..LAST_TRIES {
            let put = self.stack.dynamodb().put_item().table_name(&table);
            let put = put
                .item("tenant_id", text(self.tenants[plan.tenant].as_str()))
                .item("sk", text(STRAY))
                .item("type", text("order"))
                .item("data", text(r#"{"amount":1,"name":"stray","mood":"good"}"#))
                .item("status", text("processed"))
                .item("body_sha256", text("stray"))
                .item("accepted_at", number(1))
                .item("epoch", number(1));
            if put.send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }

    async fn take_away(&self, plan: &Plan) {
        let Some(table) = self.table(plan.to) else { return };
        let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        for _ in 0..LAST_TRIES * 10 {
            let delete = self.stack.dynamodb().delete_item().table_name(&table);
            let delete = delete.key("tenant_id", key(self.tenants[plan.tenant].as_str())).key("sk", key(STRAY));
            if delete.send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }

    fn table(&self, number: usize) -> Option<String> {
        Some(CellNames::of(&cell(number).parse().ok()?).table)
    }
}

//! The run: environments that serve, tenants that move, the cut.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use cellstack_core::{CellId, TenantId};
use cellstack_router::Standby;
use futures::StreamExt as _;
use futures::future::join3;
use futures::stream::FuturesUnordered;
use hyper::Request;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use super::CutOff;
use super::draw::{CELLS, Drawn, TENANTS};
use super::oracle::{Oracle, Told};
use crate::mutation::Mutation;
use crate::operators::mover::{Mover, Place};
use crate::oracle::journal::Journal;
use crate::surroundings::BEGINNING;
use crate::surroundings::environment::{Environment, Make, Maker};
use crate::surroundings::network::Way;
use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::Hooks;

/// Pause between two requests to an environment.
const PAUSE: std::ops::Range<Duration> = Duration::from_secs(2)..Duration::from_secs(16);
/// Share of pauses in which an environment is frozen for minutes instead, and the length of such a freeze.
const FROZEN: f64 = 0.05;
const MINUTES: std::ops::Range<Duration> = Duration::from_secs(60)..Duration::from_secs(600);
/// Share of requests during the cut that are of a tenant which the environment served before.
const KNOWN: f64 = 0.7;

struct World {
    stack: Stack,
    tenants: Vec<TenantId>,
    mover: Mover,
    trace: Trace,
    oracle: RefCell<Oracle>,
}

pub(super) async fn run(drawn: &Drawn, mutation: Option<Mutation>, keep_lines: bool) -> Result<CutOff> {
    let world = World::build(drawn, mutation, keep_lines).await?;
    let maker = Maker::new(&world.stack, Make::of(drawn.seed, mutation));
    let environments: FuturesUnordered<_> =
        (0..drawn.served_by.len()).map(|number| world.serve(drawn, number, maker.start(number))).collect();
    join3(environments.collect::<()>(), world.cut(drawn), world.move_tenants(drawn)).await;

    let World { stack, mover, trace, oracle, .. } = world;
    let Journal { below, written, .. } = Journal::read(&stack, Standby::Hold).await?;
    let mut cut_off = oracle.into_inner().cut_off;
    cut_off.moves = mover.moved() as usize;
    (cut_off.below_fence, cut_off.written) = (below.len(), written);
    cut_off.violations.extend(below);
    Ok(CutOff { seed: drawn.seed, hash: trace.hash(), drawn: drawn.in_words(), lines: trace.lines(), ..cut_off })
}

impl World {
    async fn build(drawn: &Drawn, mutation: Option<Mutation>, keep_lines: bool) -> Result<Self> {
        let hooks = Hooks {
            wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
            network: Some(Arc::new(Way::new(drawn.seed))),
            ..Hooks::NONE
        };
        let cells: Vec<CellId> = (1..=CELLS).map(|n| format!("c{n:02}").parse()).collect::<Result<_, _>>()?;
        let tenants: Vec<TenantId> = (1..=TENANTS).map(|n| format!("t{n:04}").parse()).collect::<Result<_, _>>()?;
        let mut builder = Stack::builder().seed(drawn.seed).hooks(hooks);
        for cell in &cells {
            builder = builder.cell(cell.clone());
        }
        for (at, tenant) in tenants.iter().enumerate() {
            builder = builder.tenant(tenant.clone(), cells[at % CELLS].clone());
        }
        let mut stack = builder.build().await?;
        // The fate of accepted events is the subject of other runs.
        stack.drop_mappings();
        let trace = Trace::new(keep_lines);
        let places = (0..CELLS).cycle().map(|cell| Place { cell, standby: None });
        let places: BTreeMap<_, _> = tenants.iter().cloned().zip(places).collect();
        let mover = Mover::new(&stack, places, trace.clone(), mutation == Some(Mutation::HastyMove));
        let oracle = RefCell::new(Oracle::new(drawn.cut.from, drawn.cut.until()));
        Ok(Self { stack, tenants, mover, trace, oracle })
    }

    async fn cut(&self, drawn: &Drawn) {
        self.until(drawn.cut.from).await;
        self.trace.note(format_args!("now: {}", drawn.in_words()));
        let faults = drawn.cut.faults().into_iter().map(|fault| self.stack.aws().faults().inject(fault));
        let faults: Vec<_> = faults.collect();
        self.until(drawn.cut.until()).await;
        for fault in faults {
            self.stack.aws().faults().remove(fault);
        }
        self.trace.note(format_args!("over"));
    }

    async fn move_tenants(&self, drawn: &Drawn) {
        let moves = drawn.moves.iter().map(|planned| async {
            self.until(planned.at).await;
            self.mover.move_tenant(&self.tenants[planned.tenant], planned.to).await;
        });
        moves.collect::<FuturesUnordered<_>>().collect::<()>().await;
    }

    async fn until(&self, at: Duration) {
        tokio::time::sleep(at.saturating_sub(self.trace.elapsed())).await;
    }

    /// Runs one environment, from the beginning to the end. It serves one request at a time.
    async fn serve(&self, drawn: &Drawn, number: usize, environment: Environment) {
        let mut rng = StdRng::seed_from_u64(drawn.seed ^ (number as u64 + 1) << 8);
        let known = &drawn.served_by[number];
        if known.is_empty() {
            self.until(drawn.cut.from).await;
        }
        loop {
            if rng.random_bool(FROZEN) {
                let minutes = rng.random_range(MINUTES);
                environment.freeze();
                tokio::time::sleep(minutes).await;
            } else {
                tokio::time::sleep(rng.random_range(PAUSE)).await;
            }
            let now = self.trace.elapsed();
            if now >= drawn.end() {
                return;
            }
            let any = now >= drawn.cut.from && !rng.random_bool(KNOWN);
            let tenant = known.iter().copied().choose(&mut rng).filter(|_| !any);
            let tenant = tenant.unwrap_or_else(|| rng.random_range(0..TENANTS));
            self.request(number, &environment, &self.tenants[tenant]).await;
            if let Some(ms) = environment.rest(&mut rng) {
                self.trace.note(format_args!("the wall clock of router {number} jumps by {} s", ms / 1_000));
            }
        }
    }

    async fn request(&self, number: usize, environment: &Environment, tenant: &TenantId) {
        let request = Request::post("/v1/events")
            .header("content-type", "application/json")
            .header("x-tenant-id", tenant.as_str())
            .body(r#"{"type":"order.placed","data":{"amount":1}}"#.into());
        let (at, before) = (self.trace.elapsed(), self.mover.tenure(tenant));
        let age = environment.wire.age(tenant.as_str());
        let sent = Instant::now();
        let response = environment.invoke(tenant.as_str(), request.unwrap_or_default()).await;
        let told = Told {
            environment: number,
            tenant: tenant.as_str(),
            at,
            took: sent.elapsed(),
            age,
            before,
            after: self.mover.tenure(tenant),
            writes: environment.wire.take_writes(),
            response,
        };
        self.trace.note(format_args!("{told}"));
        self.oracle.borrow_mut().check(told);
    }
}

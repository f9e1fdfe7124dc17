//! One busy tenant and no tenant map: each of its writes checks its fence, and transactions that share an item
//! conflict. Meanwhile a mover closes the fence.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use cellstack_core::fence::{key_of, shard_key};
use cellstack_core::limits::TENANT_LEASE;
use cellstack_core::{CellId, Epoch, EventId, TenantId};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::fence;
use futures::StreamExt as _;
use futures::future::join;
use futures::stream::FuturesUnordered;
use hyper::Request;
use tokio::time::Instant;

use crate::mutation::Mutation;
use crate::surroundings::BEGINNING;
use crate::surroundings::environment::{Environment, Make, Maker};
use crate::surroundings::network::Way;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::Hooks;
use cellstack_embedded::names::{CellNames, registry, tenant_map};

/// Environments of the router's function.
const ENVIRONMENTS: usize = 20;
/// Time between two writes.
const EVERY: Duration = Duration::from_millis(10);
/// Time for which the counted writes continue.
const LASTS: Duration = Duration::from_secs(60);
/// Time for which writes continue after that, while the fence is closed.
const CLOSING: Duration = Duration::from_secs(5);
/// Bursts of one write per environment, and the pause between two.
const BURSTS: usize = 20;
const BURST_PAUSE: Duration = Duration::from_secs(1);
/// Time limit for closing the fence, with a margin.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time in which the breakers find out that the map is out of reach.
const SETTLING: Duration = Duration::from_secs(10);

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct Busy {
    /// Writes.
    pub writes: usize,
    /// Of these, accepted at the first try of their caller.
    pub accepted: usize,
    /// Longest time that an accepted write took.
    pub longest: Duration,
    /// 99th percentile of that time.
    pub p99: Duration,
    /// Transactions per write. Each one beyond the first follows a conflict.
    pub transactions: f64,
    /// Time that closing the fence took while the writes went on.
    pub closed_in: Duration,
}

/// Runs the scenario under a seed, with or without a mutation.
///
/// # Errors
/// When the stack can't be built, or the fence can't be closed.
pub fn busy_tenant(seed: u64, mutation: Option<Mutation>) -> Result<Busy> {
    run(seed, mutation, async |world| world.steady().await)
}

/// Lets the same environments write in bursts, each burst on one shard of the fence. Returns the share of accepted
/// writes, 0 to 1.
///
/// # Errors
/// When the stack can't be built.
pub fn fence_bursts(seed: u64, mutation: Option<Mutation>) -> Result<f64> {
    run(seed, mutation, async |world| Ok(world.bursts().await))
}

fn run<T>(seed: u64, mutation: Option<Mutation>, script: impl AsyncFnOnce(&World) -> Result<T>) -> Result<T> {
    fastrand::seed(seed);
    let _planted = mutation.and_then(Mutation::plant);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let world = World::build(seed, mutation).await?;
        world.prepare().await;
        script(&world).await
    })
}

struct World {
    stack: Stack,
    tenant: TenantId,
    /// Idle environments.
    idle: RefCell<Vec<Environment>>,
}

impl World {
    async fn build(seed: u64, mutation: Option<Mutation>) -> Result<Self> {
        let hooks = Hooks {
            wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
            network: Some(Arc::new(Way::new(seed))),
            ..Hooks::NONE
        };
        let (cell, tenant): (CellId, TenantId) = ("c01".parse()?, "busy".parse()?);
        let builder = Stack::builder().seed(seed).hooks(hooks).cell(cell.clone());
        let mut stack = builder.tenant(tenant.clone(), cell).build().await?;
        // The fate of an accepted event changes nothing for its sender.
        stack.drop_mappings();
        let maker = Maker::new(&stack, Make::of(seed, mutation));
        let idle = RefCell::new((0..ENVIRONMENTS).map(|number| maker.start(number)).collect());
        Ok(Self { stack, tenant, idle })
    }

    async fn steady(&self) -> Result<Busy> {
        let transactions = || self.stack.aws().calls("DynamoDB", "TransactWriteItems");
        let before = transactions();
        let writes = async {
            let counted = self.writes(LASTS).await;
            (counted, transactions() - before)
        };
        let closing = async {
            tokio::time::sleep(LASTS + Duration::from_secs(1)).await;
            let (client, table) = (self.stack.dynamodb(), CellNames::of(&self.stack.cells()[0]).table);
            let begun = Instant::now();
            let closed = fence::close(&client, &table, &self.tenant, Epoch(1), begun + PATIENCE).await;
            closed.map(|()| begun.elapsed()).context("close the fence")
        };
        let later = async {
            tokio::time::sleep(LASTS).await;
            self.writes(CLOSING).await;
        };
        let ((counted, transactions), (closed_in, ())) = join(writes, join(closing, later)).await;
        let mut accepted: Vec<Duration> = counted.iter().flatten().copied().collect();
        accepted.sort_unstable();
        Ok(Busy {
            writes: counted.len(),
            accepted: accepted.len(),
            longest: accepted.last().copied().unwrap_or_default(),
            p99: accepted.get(accepted.len() * 99 / 100).copied().unwrap_or_default(),
            transactions: transactions as f64 / counted.len().max(1) as f64,
            closed_in: closed_in?,
        })
    }

    /// Warms each environment with the tenant, then takes the map away until routes are stale and breakers know it.
    async fn prepare(&self) {
        let environments = self.idle.take();
        for environment in &environments {
            self.write(environment).await;
        }
        for table in [tenant_map(), registry()] {
            self.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::ServerError).on(&table));
        }
        tokio::time::sleep(TENANT_LEASE).await;
        for environment in &environments {
            self.write(environment).await;
        }
        self.idle.replace(environments);
        tokio::time::sleep(SETTLING).await;
    }

    /// Writes at a steady rate for some time. Returns the time that each accepted write took.
    async fn writes(&self, lasts: Duration) -> Vec<Option<Duration>> {
        let begun = Instant::now();
        let mut writes = FuturesUnordered::new();
        let mut at = Duration::ZERO;
        while at < lasts {
            writes.push(async move {
                tokio::time::sleep_until(begun + at).await;
                // Lambda refuses a request when no environment is free.
                let environment = self.idle.borrow_mut().pop()?;
                let sent = Instant::now();
                let accepted = self.write(&environment).await;
                // The environment that waited longest is next, so that all have the same share.
                self.idle.borrow_mut().insert(0, environment);
                accepted.then(|| sent.elapsed())
            });
            at += EVERY;
        }
        let mut all = Vec::with_capacity(writes.len());
        while let Some(write) = writes.next().await {
            all.push(write);
        }
        all
    }

    /// Lets each environment write at once to one shard of the fence: rivals that stay in step keep each other out.
    async fn bursts(&self) -> f64 {
        let on_shard = |name: &usize| key_of(EventId::named("idempotency-key", &name.to_string())) == shard_key(0);
        let mut names = (0..).filter(on_shard);
        let mut all = Vec::new();
        for _ in 0..BURSTS {
            let environments = self.idle.take();
            let writes = environments.iter().map(|environment| self.write_named(environment, names.next()));
            all.extend(writes.collect::<FuturesUnordered<_>>().collect::<Vec<_>>().await);
            self.idle.replace(environments);
            tokio::time::sleep(BURST_PAUSE).await;
        }
        all.iter().filter(|accepted| **accepted).count() as f64 / all.len() as f64
    }

    async fn write(&self, environment: &Environment) -> bool {
        self.write_named(environment, None).await
    }

    async fn write_named(&self, environment: &Environment, name: Option<usize>) -> bool {
        let mut request = Request::post("/v1/events")
            .header("content-type", "application/json")
            .header("x-tenant-id", self.tenant.as_str());
        if let Some(name) = name {
            request = request.header("idempotency-key", name.to_string());
        }
        let request = request.body(r#"{"type":"order.placed","data":{"amount":1}}"#.into());
        environment.invoke(self.tenant.as_str(), request.unwrap_or_default()).await.status() == 202
    }
}

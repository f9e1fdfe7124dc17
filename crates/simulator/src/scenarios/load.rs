//! A steady load on a stack in virtual time, for scenarios. Each tenant sends on its own schedule, independent of the
//! outcome of its requests, and nobody retries.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use bytes::Bytes;
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, TenantId};
use cellstack_emulator::{Fault, FaultId, FaultKind};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hyper::{Request, Response};
use tokio::time::Instant;

use super::standbys;
use crate::operators::marker::mark;
use crate::surroundings::BEGINNING;
use crate::surroundings::environment::Make;
use crate::surroundings::kill::Kills;
use crate::surroundings::network::Way;
use crate::surroundings::router_pool::{Manner, RouterPool};
use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::Hooks;
use cellstack_embedded::names::CellNames;

/// Requests that the router's function serves at once, as Terraform reserves for it. Lambda refuses more.
pub const CONCURRENCY: usize = 100;
/// The golden ratio, less one.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A steady load: its stack, its rate and its duration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Cells.
    pub(crate) cells: usize,
    /// Tenants, dealt to the cells in turn.
    pub(crate) tenants: usize,
    /// True if each tenant has a standby.
    pub(crate) standbys: bool,
    /// Pause between two requests of a tenant.
    pub(crate) every: Duration,
    /// Requests that the routers serve at once. More are refused.
    pub(crate) concurrency: usize,
    /// Duration of the load.
    pub(crate) lasts: Duration,
    /// Seed of latencies and schedules.
    pub(crate) seed: u64,
}

/// A request and its outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// The time at which it was sent.
    pub(crate) at: Duration,
    /// The tenant that sent it.
    pub(crate) tenant: usize,
    /// True if the event was accepted.
    pub(crate) served: bool,
    /// The time until its response.
    pub(crate) took: Duration,
}

/// A stack under load.
pub(crate) struct Loaded {
    pub(crate) load: Load,
    stack: Stack,
    /// The standby of each tenant; empty without standbys.
    standbys: Vec<usize>,
    /// A client that tries once.
    prober: Client,
    pub(crate) routers: RouterPool,
    start: Instant,
    in_flight: Cell<usize>,
}

impl Load {
    /// Runs a scenario in virtual time. `script` runs alongside the load and hears of each request before it is sent.
    pub(crate) fn run<S: Script>(self, script: S) -> Result<Vec<Sent>> {
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let loaded = self.start().await?;
            let requests = loaded.requests(&script);
            let (sent, ()) = futures::future::join(requests, script.run(&loaded)).await;
            Ok(sent)
        })
    }

    async fn start(self) -> Result<Loaded> {
        let hooks = Hooks {
            wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
            network: Some(Arc::new(Way::new(self.seed))),
            ..Hooks::NONE
        };
        let mut builder = Stack::builder().seed(self.seed).hooks(hooks);
        let cells: Vec<CellId> = (1..=self.cells).map(|n| format!("c{n:02}").parse()).collect::<Result<_, _>>()?;
        for cell in &cells {
            builder = builder.cell(cell.clone());
        }
        for tenant in 0..self.tenants {
            builder = builder.tenant(name(tenant).parse::<TenantId>()?, cells[self.cell_of(tenant)].clone());
        }
        let mut stack = builder.build().await?;
        let standbys =
            if self.standbys { standbys::choose(&cells, self.tenants, |at| self.cell_of(at))? } else { Vec::new() };
        for (tenant, standby) in standbys.iter().enumerate() {
            stack.appoint_standby(&name(tenant).parse()?, &cells[*standby]).await?;
        }
        // The fate of an accepted event changes nothing for its sender.
        stack.drop_mappings();
        let routers =
            RouterPool::new(Manner::Steady, &stack, Make::of(self.seed, None), Kills::default(), Trace::new(false));
        let once = Config::from(stack.config()).to_builder().retry_config(RetryConfig::disabled()).build();
        let prober = Client::from_conf(once);
        Ok(Loaded { load: self, stack, standbys, prober, routers, start: Instant::now(), in_flight: Cell::new(0) })
    }

    /// Returns the cell of a tenant.
    pub(crate) const fn cell_of(&self, tenant: usize) -> usize {
        tenant % self.cells
    }
}

fn name(tenant: usize) -> String {
    format!("t{:04}", tenant + 1)
}

/// A script that runs alongside the load.
pub(crate) trait Script {
    /// Runs until the scenario is over.
    async fn run(&self, loaded: &Loaded);

    /// Acts before a tenant sends a request.
    fn sending(&self, _loaded: &Loaded, _tenant: usize) {}

    /// Acts after a cell has accepted a tenant's event.
    fn accepted(&self, _loaded: &Loaded, _tenant: usize, _cell: usize) {}
}

impl Loaded {
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) async fn until(&self, at: Duration) {
        tokio::time::sleep_until(self.start + at).await;
    }

    async fn requests(&self, script: &impl Script) -> Vec<Sent> {
        let mut requests = FuturesUnordered::new();
        for tenant in 0..self.load.tenants {
            // Multiples of the golden ratio are spread evenly, those of every n-th tenant too: no cell has rush hours.
            let mut at = self.load.every.mul_f64((tenant as f64 * GOLDEN).fract());
            while at < self.load.lasts {
                requests.push(self.request(script, tenant, at));
                at += self.load.every;
            }
        }
        let mut sent = Vec::with_capacity(requests.len());
        while let Some(request) = requests.next().await {
            sent.push(request);
        }
        sent.sort_by_key(|sent| (sent.at, sent.tenant));
        sent
    }

    async fn request(&self, script: &impl Script, tenant: usize, at: Duration) -> Sent {
        self.until(at).await;
        script.sending(self, tenant);
        let sent = Instant::now();
        let throttled = self.in_flight.get() >= self.load.concurrency;
        let mut served = false;
        if !throttled {
            self.in_flight.set(self.in_flight.get() + 1);
            let request = Request::post("/v1/events")
                .header("content-type", "application/json")
                .header("x-tenant-id", name(tenant))
                .body(r#"{"type":"order.placed","data":{"amount":1}}"#.into());
            // Boxed, since one exists for each request of the run.
            let response = Box::pin(self.routers.request(&name(tenant), request.unwrap_or_default())).await;
            let response = response.ok().filter(|response| response.status() == 202);
            served = response.is_some();
            if let Some(cell) = response.and_then(|response| self.cell_named(&response)) {
                script.accepted(self, tenant, cell);
            }
            self.in_flight.set(self.in_flight.get() - 1);
        }
        Sent { at, tenant, served, took: sent.elapsed() }
    }

    /// Returns the cell that a response names.
    fn cell_named(&self, response: &Response<Bytes>) -> Option<usize> {
        let name = response.headers().get("x-cell-id")?.to_str().ok()?;
        self.stack.cells().iter().position(|cell| cell.as_str() == name)
    }

    /// Returns the standby of a tenant, if it has one.
    pub(crate) fn standby_of(&self, tenant: usize) -> Option<usize> {
        self.standbys.get(tenant).copied()
    }

    /// Marks a cell in the registry.
    pub(crate) async fn mark(&self, cell: usize, status: CellStatus) {
        mark(&self.stack, cell, status).await;
    }

    /// Returns whether a cell's table responds in time, at the first try.
    pub(crate) async fn probe(&self, cell: usize, time: Duration) -> bool {
        let key = || AttributeValue::S("probe".to_owned());
        let read = self
            .prober
            .get_item()
            .table_name(CellNames::of(&self.stack.cells()[cell]).table)
            .key("tenant_id", key())
            .key("sk", key())
            .send();
        tokio::time::timeout(time, read).await.is_ok_and(|read| read.is_ok())
    }

    /// Makes a cell's table fail, until the faults are removed.
    pub(crate) fn take_down(&self, cell: usize) -> Vec<FaultId> {
        let names = CellNames::of(&self.stack.cells()[cell]);
        self.inject([Fault::any("DynamoDB", FaultKind::ServerError).on(&names.table)])
    }

    /// Makes each call to a cell take `by` longer, until the faults are removed.
    pub(crate) fn slow_down(&self, cell: usize, by: Duration) -> Vec<FaultId> {
        let names = CellNames::of(&self.stack.cells()[cell]);
        self.inject([Fault::any("DynamoDB", FaultKind::Latency(by)).on(&names.table)])
    }

    /// Returns the number of times that faults struck so far.
    pub(crate) fn hits(&self, faults: &[FaultId]) -> u64 {
        faults.iter().map(|fault| self.stack.aws().faults().hits(*fault)).sum()
    }

    fn inject(&self, faults: impl IntoIterator<Item = Fault>) -> Vec<FaultId> {
        faults.into_iter().map(|fault| self.stack.aws().faults().inject(fault)).collect()
    }

    pub(crate) fn remove(&self, faults: Vec<FaultId>) {
        for fault in faults {
            self.stack.aws().faults().remove(fault);
        }
    }
}

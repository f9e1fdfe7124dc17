//! A cell as the router sees it: conditional writes and consistent reads of one tenant's partition, behind a breaker.

mod error;
mod list;
mod read;
mod totals;
mod waits;
mod write;

use cellstack_core::sync::lock;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::limits::{CELL_ATTEMPT_TIMEOUT, CELL_CACHE, CELL_TIMEOUT, PROBE_TIMEOUT};
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{CellId, Clock};

pub(crate) use self::error::CellError;
pub(crate) use self::list::{Filter, Listed, Page};
pub(crate) use self::totals::Total;
use self::waits::Waits;
pub(crate) use self::write::{Guard, Written};
use crate::clients;
use crate::clock::RouterClock;
use crate::metrics::{Metric, Metrics};
use crate::routing::breaker::{Breaker, Pass};

/// The extent of a read or a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// One event.
    Event,
    /// Many items of a partition. Such a read may be slow because of its size, which says little about the cell. It has
    /// a breaker and a quota of retries of its own.
    Bulk,
}

/// A cell's table, with clients and breakers of its own.
pub(crate) struct Cell<A> {
    id: CellId,
    table: String,
    client: Client,
    bulk_client: OnceLock<Client>,
    breaker: Breaker,
    bulk_breaker: Breaker,
    /// The waits for its events.
    pub(crate) waits: Waits,
    config: Arc<SdkConfig>,
    clock: RouterClock<A>,
    metrics: Metrics,
}

impl<A: Clock> Cell<A> {
    fn new(id: CellId, table: String, config: Arc<SdkConfig>, clock: RouterClock<A>, metrics: Metrics) -> Self {
        Self {
            client: client(&config, id.as_str()),
            bulk_client: OnceLock::new(),
            breaker: Breaker::default(),
            bulk_breaker: Breaker::default(),
            waits: Waits::default(),
            id,
            table,
            config,
            clock,
            metrics,
        }
    }

    /// Returns the client of bulk reads. The first bulk read makes it.
    fn bulk_client(&self) -> &Client {
        self.bulk_client.get_or_init(|| client(&self.config, &format!("{}/bulk", self.id)))
    }

    /// Makes a call to the cell, unless its breaker is open.
    async fn call<T>(
        &self,
        extent: Extent,
        what: &'static str,
        call: impl Future<Output = Result<T, AwsFailure>>,
    ) -> Result<T, CellError> {
        let (breaker, opened) = match extent {
            Extent::Bulk if !is_planted(Mutation::TotalsOpenBreaker) => (&self.bulk_breaker, Metric::BulkBreakerOpened),
            Extent::Event | Extent::Bulk => (&self.breaker, Metric::BreakerOpened),
        };
        let pass = breaker.admit(self.clock.now()).map_err(|_| CellError::CircuitOpen)?;
        let response = match pass {
            Pass::Normal => call.await,
            // The call may have taken effect all the same. The response says so, as for any time-out.
            Pass::Probe => match tokio::time::timeout(PROBE_TIMEOUT, call).await {
                Ok(response) => response,
                Err(_) => Err(AwsFailure::late(what)),
            },
        };
        let gone = response.as_ref().is_err_and(|failure| failure.kind == FailureKind::Unavailable);
        if breaker.note(self.clock.now(), !gone) {
            tracing::warn!(cell = %self.id, ?extent, "the cell fails and is not called for a while");
            self.metrics.count(opened);
        }
        response.map_err(|failure| {
            tracing::error!(cell = %self.id, %failure, "cell");
            CellError::Failed(failure)
        })
    }
}

fn client(config: &SdkConfig, name: &str) -> Client {
    clients::dynamodb(config, name.to_owned(), CELL_ATTEMPT_TIMEOUT, CELL_TIMEOUT)
}

/// The cells that were used so far.
pub(crate) struct Cells<A> {
    config: Arc<SdkConfig>,
    clock: RouterClock<A>,
    metrics: Metrics,
    known: Mutex<HashMap<CellId, Arc<Cell<A>>>>,
}

impl<A: Clock + Clone> Cells<A> {
    pub(crate) fn new(config: SdkConfig, clock: RouterClock<A>, metrics: Metrics) -> Self {
        Self { config: Arc::new(config), clock, metrics, known: Mutex::default() }
    }

    pub(crate) fn get(&self, id: &CellId, table: &str) -> Arc<Cell<A>> {
        let mut known = lock(&self.known);
        if let Some(cell) = known.get(id).filter(|cell| cell.table == table) {
            return Arc::clone(cell);
        }
        if known.len() >= CELL_CACHE {
            known.clear();
        }
        let config = Arc::clone(&self.config);
        let cell = Cell::new(id.clone(), table.to_owned(), config, self.clock.clone(), self.metrics.clone());
        let cell = Arc::new(cell);
        known.insert(id.clone(), Arc::clone(&cell));
        cell
    }
}

//! A cell as the router sees it: conditional writes and consistent reads of one tenant's partition, behind a breaker.

mod list;
mod read;
mod write;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use cellstack_core::aws::{AwsFailure, FailureKind};
use cellstack_core::limits::{CELL_ATTEMPT_TIMEOUT, CELL_CACHE, CELL_TIMEOUT, PROBE_TIMEOUT};
use cellstack_core::{Ambient, CellId};

pub(crate) use self::list::{Filter, Listed};
pub(crate) use self::read::Total;
pub(crate) use self::write::{Guard, Written};
use crate::breaker::{Breaker, Pass};
use crate::clients;
use crate::clock::Clock;
use crate::metrics::{Metric, Metrics};
use crate::problem::Problem;

/// A cell's table, a client of its own and a breaker.
pub(crate) struct Cell<A> {
    id: CellId,
    table: String,
    client: Client,
    breaker: Breaker,
    clock: Clock<A>,
    metrics: Metrics,
}

impl<A: Ambient> Cell<A> {
    /// Makes a call to the cell, unless it is left alone because it failed.
    async fn call<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<T, AwsFailure>>,
    ) -> Result<T, Problem> {
        let pass = self.breaker.admit(self.clock.now()).map_err(|_| left_alone())?;
        let answer = match pass {
            Pass::Normal => call.await,
            // What it asked for may have happened all the same: the answer says so, as for any time-out.
            Pass::Probe => match tokio::time::timeout(PROBE_TIMEOUT, call).await {
                Ok(answer) => answer,
                Err(_) => Err(AwsFailure::late(what)),
            },
        };
        let gone = answer.as_ref().is_err_and(|failure| failure.kind == FailureKind::Unavailable);
        if self.breaker.note(self.clock.now(), !gone) {
            tracing::warn!(cell = %self.id, "the cell fails and is left alone for a while");
            self.metrics.count(Metric::BreakerOpened);
        }
        answer.map_err(|failure| Problem::of_aws(&failure))
    }
}

fn left_alone() -> Problem {
    Problem::unavailable("The tenant's cell does not answer just now.")
}

/// The cells that were met so far.
pub(crate) struct Cells<A> {
    config: SdkConfig,
    clock: Clock<A>,
    metrics: Metrics,
    known: Mutex<HashMap<CellId, Arc<Cell<A>>>>,
}

impl<A: Ambient + Clone> Cells<A> {
    pub(crate) fn new(config: SdkConfig, clock: Clock<A>, metrics: Metrics) -> Self {
        Self { config, clock, metrics, known: Mutex::default() }
    }

    pub(crate) fn get(&self, id: &CellId, table: &str) -> Arc<Cell<A>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.get(id).filter(|cell| cell.table == table) {
            return Arc::clone(cell);
        }
        if known.len() >= CELL_CACHE {
            known.clear();
        }
        let cell = Arc::new(Cell {
            id: id.clone(),
            table: table.to_owned(),
            client: clients::dynamodb(&self.config, id.as_str(), CELL_ATTEMPT_TIMEOUT, CELL_TIMEOUT),
            breaker: Breaker::default(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
        });
        known.insert(id.clone(), Arc::clone(&cell));
        cell
    }
}

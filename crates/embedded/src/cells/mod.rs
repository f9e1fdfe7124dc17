//! The cells of a stack, which come and go while it is served, as with `terraform apply`.

mod add;
mod functions;
mod remove;
mod resources;
mod roster;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use cellstack_core::CellId;
use cellstack_emulator::Function;
use cellstack_store::cells::{Listing, list};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, broadcast};

use crate::cloud::Cloud;
use crate::data::DataDir;
use crate::faults::FaultBoard;
use crate::hooks::Hooks;
use crate::names::registry;
use crate::{Pipeline, VirtualClock};

pub(crate) use functions::ConsumerParts;
pub(crate) use roster::{Roster, listed};

/// The most cells of a stack: each has four mappings of its own.
pub const MAX_CELLS: usize = 64;
/// The capacity of a cell that is added without one, as in Terraform.
pub const DEFAULT_CAPACITY: u64 = 1_000;
/// The weight of a cell that is added without one, as in Terraform.
pub const DEFAULT_WEIGHT: u64 = 100;
/// The changes that a slow watcher may fall behind by.
const CHANGES: usize = 256;

/// An order for a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The id.
    pub cell: CellId,
    /// The weights of tenants that it takes, in sum.
    #[serde(default = "default_capacity")]
    pub capacity: u64,
    /// Its share of new tenants, in proportion to that of the other cells.
    #[serde(default = "default_weight")]
    pub weight: u64,
}

const fn default_capacity() -> u64 {
    DEFAULT_CAPACITY
}

const fn default_weight() -> u64 {
    DEFAULT_WEIGHT
}

/// A cell of a served stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The id, the capacity and the weight.
    #[serde(flatten)]
    pub order: Order,
    /// The status that operators gave it; `None` for a cell that was never bootstrapped.
    pub status: Option<String>,
}

/// A change of a stack's cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A cell was added.
    Added(CellId),
    /// A cell was removed.
    Removed(CellId),
}

/// A reason for which cells were not changed.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such cell.
    Unknown(String),
    /// The cells are not such that the change may be made.
    Conflict(String),
    /// The change failed midway. It can be tried again.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Makes the consumer of a cell that is added.
pub(crate) type MakeConsumer = Box<dyn Fn(ConsumerParts) -> Arc<dyn Function> + Send + Sync>;

/// The parts of a stack that its cells are made with.
pub(crate) struct Foundation {
    pub(crate) cloud: Cloud,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) hooks: Hooks,
    pub(crate) pipeline: Pipeline,
    pub(crate) data: Option<Arc<DataDir>>,
    pub(crate) roster: Roster,
    pub(crate) faults: FaultBoard,
    /// `None` for a stack whose cells are fixed.
    pub(crate) consumer: Option<MakeConsumer>,
}

/// The cells of a stack. Clones share them.
#[derive(Clone)]
pub struct Cells(Arc<Inner>);

struct Inner {
    base: Foundation,
    changes: broadcast::Sender<Change>,
    /// Held by the one change that is under way.
    changing: Mutex<()>,
}

impl Cells {
    pub(crate) fn new(base: Foundation) -> Self {
        Self(Arc::new(Inner { base, changes: broadcast::channel(CHANGES).0, changing: Mutex::default() }))
    }

    pub(crate) fn roster(&self) -> &Roster {
        &self.0.base.roster
    }

    /// Returns the changes of cells from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Returns the cells as the registry has them.
    ///
    /// # Errors
    /// When the registry can't be read.
    pub async fn list(&self) -> Result<Vec<Posted>> {
        let listing = self.listing().await?;
        let posted = |cell: CellId| {
            let found = listing.cell(&cell)?;
            let (capacity, weight) = (found.config.capacity, found.config.weight);
            let status = found.state.as_ref().map(|state| state.status.as_str().to_owned());
            Some(Posted { order: Order { cell, capacity, weight }, status })
        };
        Ok(self.roster().cells().into_iter().filter_map(posted).collect())
    }

    async fn listing(&self) -> Result<Listing> {
        list(&self.0.base.cloud.dynamodb(), &registry()).await.context("the registry of the stack can't be read")
    }

    fn announce(&self, change: Change) {
        // The send fails only when nobody watches.
        let _ = self.0.changes.send(change);
    }
}

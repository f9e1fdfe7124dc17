//! What a run is made of.

use std::collections::BTreeSet;
use std::time::Duration;

use cellstack_router::Standby;

use crate::fault::Fault;
use crate::mutation::Mutation;
use cellstack_embedded::names::Ordering;

/// One run. Equal setups run equally, event by event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// What everything random is drawn from.
    pub seed: u64,
    /// Events that callers want accepted.
    pub events: usize,
    /// Cells.
    pub cells: usize,
    /// Tenants, dealt to the cells in turn.
    pub tenants: usize,
    /// What may go wrong.
    pub faults: Vec<Fault>,
    /// What of the plan is left out, by its place in it: how a violation's run is made shorter.
    pub without: BTreeSet<usize>,
    /// True if the processor is mended and what lies among the dead letters is redriven when the faults are over.
    pub redrive: bool,
    /// A bug to plant, for those who want to see it found.
    pub mutation: Option<Mutation>,
}

impl Setup {
    /// A run with every fault.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            events: 200,
            cells: 3,
            tenants: 12,
            faults: Fault::ALL.to_vec(),
            without: BTreeSet::new(),
            redrive: true,
            mutation: None,
        }
    }

    /// A seed in four has cells that keep the order of a tenant's events.
    pub(crate) const fn ordering(&self) -> Ordering {
        if self.seed % 4 == 3 { Ordering::Tenant } else { Ordering::None }
    }

    /// The standby of a tenant's first cell: two tenants in three have one.
    pub(crate) const fn standby(&self, tenant: usize) -> Option<usize> {
        if self.cells < 2 || tenant % 3 == 2 {
            return None;
        }
        Some((tenant + 1 + tenant / self.cells % (self.cells - 1)) % self.cells)
    }

    /// A seed in eight has standbys that process what they take.
    pub(crate) const fn standbys(&self) -> Standby {
        if self.seed % 8 == 5 { Standby::Process } else { Standby::Hold }
    }

    /// How long callers send events: for some seeds longer than a route's lease lasts.
    pub(crate) const fn load(&self) -> Duration {
        Duration::from_secs(120 + 60 * (self.seed % 8))
    }
}

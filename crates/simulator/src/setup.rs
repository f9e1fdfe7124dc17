//! The setup of a run.

use std::collections::BTreeSet;
use std::time::Duration;

use cellstack_router::Standby;

use crate::faults::fault::Fault;
use crate::mutation::Mutation;
use cellstack_embedded::names::Ordering;

/// A setup of one run. Equal setups run equally, event by event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The seed of everything random.
    pub seed: u64,
    /// Events that callers want accepted.
    pub events: usize,
    /// Cells.
    pub cells: usize,
    /// Tenants, dealt to the cells in turn.
    pub tenants: usize,
    /// The kinds of fault that may be planned.
    pub faults: Vec<Fault>,
    /// The parts of the plan that are left out, by their place in it. This makes a violation's run shorter.
    pub without: BTreeSet<usize>,
    /// True if the processor is mended and the dead letters are redriven when the faults are over.
    pub redrive: bool,
    /// A bug to plant, to see it found.
    pub mutation: Option<Mutation>,
}

impl Setup {
    /// Returns a setup with every fault.
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

    /// Returns the cells' ordering: one seed in four keeps the order of a tenant's events.
    pub(crate) const fn ordering(&self) -> Ordering {
        if self.seed % 4 == 3 { Ordering::Tenant } else { Ordering::None }
    }

    /// Returns the standby of a tenant's first cell. Two tenants in three have one.
    pub(crate) const fn standby(&self, tenant: usize) -> Option<usize> {
        if self.cells < 2 || tenant % 3 == 2 {
            return None;
        }
        Some((tenant + 1 + tenant / self.cells % (self.cells - 1)) % self.cells)
    }

    /// Returns the standbys' task: in one seed in eight they process the events that they take.
    pub(crate) const fn standbys(&self) -> Standby {
        if self.seed % 8 == 5 { Standby::Process } else { Standby::Hold }
    }

    /// Returns the time for which callers send events: for some seeds it is longer than a route's lease.
    pub(crate) const fn load(&self) -> Duration {
        Duration::from_secs(120 + 60 * (self.seed % 8))
    }
}

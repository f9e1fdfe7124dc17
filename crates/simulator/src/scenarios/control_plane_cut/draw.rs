//! The draw from a seed: the cut, the moves, and the tenants that each environment serves before the cut.

use std::collections::BTreeSet;
use std::time::Duration;

use cellstack_core::limits::TENANT_LEASE;
use cellstack_emulator::{Fault, FaultKind};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{Rng, SeedableRng};

use super::LASTS;
use cellstack_embedded::names::{registry, tenant_map};

pub(super) const CELLS: usize = 3;
pub(super) const TENANTS: usize = 12;
const ENVIRONMENTS: usize = 8;
/// Environments that serve nobody before the cut.
const COLD: usize = 2;
/// Time after the control plane is back.
const AFTER: Duration = Duration::from_secs(120);
/// Salt that separates these random numbers from those of the other parts of a run.
const SALT: u64 = 0xC07_0FF;

/// A cut of the control plane: its time, its kind of fault, and whom it hits.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) from: Duration,
    kind: FaultKind,
    /// True if the mover can't reach the control plane either.
    everybody: bool,
}

impl Cut {
    pub(super) fn until(&self) -> Duration {
        self.from + LASTS
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        let tables = [tenant_map(), registry()];
        // Routers read the map by key and a cell's record by query; a mover does neither.
        let reads = [("GetItem", &tables[0]), ("Query", &tables[1])];
        if self.everybody {
            tables.iter().map(|table| Fault::any("DynamoDB", self.kind.clone()).on(table)).collect()
        } else {
            let reads = reads.map(|(operation, table)| Fault::new("DynamoDB", operation, self.kind.clone()).on(table));
            reads.into()
        }
    }
}

/// A move of a tenant to a cell.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) at: Duration,
    pub(super) tenant: usize,
    pub(super) to: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) seed: u64,
    pub(super) cut: Cut,
    pub(super) moves: Vec<Move>,
    /// The tenants that each environment serves before the cut.
    pub(super) served_by: Vec<BTreeSet<usize>>,
}

impl Drawn {
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ SALT);
        let kinds = [FaultKind::Hang, FaultKind::ServerError, FaultKind::Throttle, FaultKind::Reset];
        let from = rng.random_range(TENANT_LEASE..3 * TENANT_LEASE);
        let kind = kinds[rng.random_range(0..kinds.len())].clone();
        let cut = Cut { from, kind, everybody: rng.random_bool(0.5) };
        let moves = (0..rng.random_range(3..=6)).map(|_| Move {
            // Late moves close their fences while the control plane is cut off.
            at: rng.random_range(Duration::ZERO..from + LASTS / 3),
            tenant: rng.random_range(0..TENANTS),
            to: rng.random_range(0..CELLS),
        });
        let moves = moves.collect();
        let served_by = (0..ENVIRONMENTS).map(|environment| {
            let many = if environment < COLD { 0 } else { rng.random_range(2..=TENANTS) };
            (0..TENANTS).choose_multiple(&mut rng, many).into_iter().collect()
        });
        let served_by = served_by.collect();
        Self { seed, cut, moves, served_by }
    }

    pub(super) fn end(&self) -> Duration {
        self.cut.until() + AFTER
    }

    pub(super) fn in_words(&self) -> String {
        let who = if self.cut.everybody { "everybody" } else { "the routers" };
        format!("{:?} for {who} at {} s, {} moves planned", self.cut.kind, self.cut.from.as_secs(), self.moves.len())
    }
}

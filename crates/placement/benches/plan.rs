//! The time and the memory that placing and planning take: `cargo bench -p cellstack-placement`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints its figures and ends where it can't continue"
)]

use std::collections::BTreeMap;

use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Clock as _, Epoch, SystemClock};
use cellstack_placement::plan::{Limits, Loads, Tenant, drain, rebalance};
use cellstack_placement::{Cell, Fleet, Request, StandbyRequest};

/// Cells of a measurement. One of them is empty when the rebalance is planned.
const CELLS: usize = 100;

fn id(at: usize) -> CellId {
    format!("cell-{at}").parse().unwrap()
}

fn measure(tenants: u64) {
    let cell = |at| Cell {
        id: id(at),
        status: Some(CellStatus::Active),
        capacity: tenants,
        share: 100,
        placed: 0,
        tenants: 0,
    };
    let clock = SystemClock::new();
    let mut fleet = Fleet::new((0..CELLS).map(cell), []);
    let begun = clock.wall_ms();
    let mut placed = Vec::new();
    for number in 0..tenants {
        let weight = 1 + number % 4;
        let choice = fleet.choose(&Request { weight, cell: None, standby: StandbyRequest::Any }).unwrap();
        fleet.add(&choice, weight);
        let (home, standby) = (choice.home, choice.standby);
        let id = format!("tenant-{number}").parse().unwrap();
        placed.push(Tenant { id, weight, home, standby, pinned: false, epoch: Epoch::FIRST, settled: true });
    }
    let chosen = clock.wall_ms();
    let mut pairs = BTreeMap::new();
    for tenant in &placed {
        *pairs.entry((tenant.home.clone(), tenant.standby.clone().unwrap())).or_insert(0) += 1;
    }
    let grown = fleet.cells().iter().cloned().chain([cell(CELLS)]);
    let grown = Fleet::new(grown, pairs);
    let counted = clock.wall_ms();
    let balanced = rebalance(&grown, &placed, Loads::Weights, &Limits { tolerance: 0.05, max_share: 1.0 });
    let planned = clock.wall_ms();
    let drained = drain(&grown, &placed, &id(0)).unwrap();
    let ended = clock.wall_ms();
    println!(
        "{tenants} tenants, {CELLS} cells: {} ms to choose all; rebalance onto one more cell {} ms ({} moves); drain of one cell {} ms \
         ({} moves); peak memory {} MB",
        chosen - begun,
        planned - counted,
        balanced.moves.len(),
        ended - planned,
        drained.moves.len(),
        peak_mb().unwrap_or_default()
    );
}

/// Returns the most memory that the process has had, where the system says so.
fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kb| kb / 1_024)
}

fn main() {
    // `cargo test` only checks that the benchmark works.
    let full = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[u64] = if full { &[10_000, 100_000, 1_000_000] } else { &[1_000] };
    sizes.iter().copied().for_each(measure);
}

//! Placement without a deployment: any number of cells and tenants, placed by the code that places real ones.
//!
//! Sizes of tenants follow Zipf's law; only the order in which tenants come is drawn, from a seed. So a report is the same
//! on every machine.

mod failures;
mod growth;
mod scenario;
mod sizes;
mod spread;
#[cfg(test)]
mod tests;

use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Epoch, TenantId};
use serde::Serialize;

use crate::overlap::Overlap;
use crate::plan::Tenant;
use crate::{Cell, Fleet, Request, StandbyRequest};

pub use failures::{Failure, Fallout};
pub use growth::Growth;
pub use scenario::{Scenario, Unusable};
pub use spread::Spread;

/// The result of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The input.
    pub scenario: Scenario,
    /// The weights that each cell takes, in sum.
    pub capacity: u64,
    /// The load of the heaviest tenant. The average is 100.
    pub heaviest: u64,
    /// Tenants that found a cell.
    pub placed: u64,
    /// Tenants that no cell had room for.
    pub refused: u64,
    /// The loads of the cells.
    pub load: Spread,
    /// The least that [`Spread::most_over_mean`] can be: the heaviest tenant is in one cell.
    pub best_most_over_mean: f64,
    /// The sharing of cells.
    pub overlap: Overlap,
    /// The loss of one cell, of two, and so on.
    pub failures: Vec<Failure>,
    /// The moves that one more cell asks for.
    pub growth: Growth,
}

/// The tenants that were placed, with the fleet that has them.
struct Filled {
    fleet: Fleet,
    tenants: Vec<Tenant>,
    /// The load of each tenant. It is the weight where placement knows it.
    loads: Vec<u64>,
    refused: u64,
}

/// Runs a simulation.
///
/// # Errors
/// When the scenario is out of bounds.
pub fn run(scenario: &Scenario) -> Result<Report, Unusable> {
    scenario.check()?;
    let sizes = sizes::arriving(scenario.tenants, scenario.skew, scenario.seed);
    let heaviest = sizes.iter().copied().max().unwrap_or_default();
    let capacity = scenario.capacity(&sizes);
    let filled = Filled::of(scenario, capacity, sizes)?;
    let load = Spread::of(&filled.load_by_cell(|tenant| &tenant.home));
    Ok(Report {
        scenario: scenario.clone(),
        capacity,
        heaviest,
        placed: filled.tenants.len() as u64,
        refused: filled.refused,
        best_most_over_mean: if load.mean > 0.0 { (heaviest_placed(&filled) / load.mean).max(1.0) } else { 1.0 },
        load,
        overlap: Overlap::of(&filled.fleet),
        failures: failures::all(&filled, scenario),
        growth: growth::by_one(&filled, capacity)?,
    })
}

fn heaviest_placed(filled: &Filled) -> f64 {
    filled.loads.iter().copied().max().unwrap_or_default() as f64
}

impl Filled {
    fn of(scenario: &Scenario, capacity: u64, sizes: Vec<u64>) -> Result<Self, Unusable> {
        let cells: Result<Vec<_>, _> = (0..scenario.cells).map(|at| cell(at, capacity)).collect();
        let fleet = Fleet::new(cells?, []);
        let mut filled = Self { fleet, tenants: Vec::new(), loads: Vec::new(), refused: 0 };
        for (number, load) in sizes.into_iter().enumerate() {
            let weight = if scenario.undeclared { sizes::MEAN } else { load };
            let standby = if scenario.standbys { StandbyRequest::Any } else { StandbyRequest::None };
            let Ok(choice) = filled.fleet.choose(&Request { weight, cell: None, standby }) else {
                filled.refused += 1;
                continue;
            };
            filled.fleet.add(&choice, weight);
            let id: TenantId = format!("tenant-{number}").parse()?;
            let (home, standby) = (choice.home, choice.standby);
            filled.tenants.push(Tenant {
                id,
                weight,
                home,
                standby,
                pinned: false,
                epoch: Epoch::FIRST,
                settled: true,
            });
            filled.loads.push(load);
        }
        Ok(filled)
    }

    /// Returns the load of each cell of the fleet, with tenants where `cell_of` says.
    fn load_by_cell<'a>(&'a self, cell_of: impl Fn(&'a Tenant) -> &'a CellId) -> Vec<u64> {
        let mut loads = vec![0; self.fleet.cells().len()];
        for (tenant, load) in self.tenants.iter().zip(&self.loads) {
            if let Some(at) = self.fleet.index(cell_of(tenant)) {
                loads[at] += load;
            }
        }
        loads
    }
}

/// Makes an empty cell. Its number is padded, so that the order by id is that of the numbers.
fn cell(at: usize, capacity: u64) -> Result<Cell, Unusable> {
    let id = format!("cell-{at:04}").parse()?;
    Ok(Cell { id, status: Some(CellStatus::Active), capacity, share: 1, placed: 0, tenants: 0 })
}

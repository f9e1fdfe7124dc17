//! The moves that one more cell asks for.

use std::collections::HashMap;

use serde::Serialize;

use super::{Filled, Spread, Unusable, cell};
use crate::overlap::Overlap;
use crate::plan::{Limits, Loads, Plan, rebalance};
use crate::{Choice, Fleet};

/// The growth of a fleet by one empty cell, rebalanced without a bound on moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// Tenants that move.
    pub moves: u64,
    /// The part of all tenants that moves.
    pub moved: f64,
    /// The part of all load that moves. Heavy tenants move first, so it is more than that of tenants where loads differ.
    pub moved_load: f64,
    /// The part of the load that an even placement would move: one in so many as there are cells then.
    pub even: f64,
    /// The loads of the cells after.
    pub load: Spread,
    /// The sharing of cells after.
    pub overlap: Overlap,
}

pub(super) fn by_one(filled: &Filled, capacity: u64) -> Result<Growth, Unusable> {
    let cells = filled.fleet.cells();
    let pairs = filled.fleet.pairs().map(|(home, standby, count)| ((home.clone(), standby.clone()), count));
    let mut fleet = Fleet::new(cells.iter().cloned().chain([cell(cells.len(), capacity)?]), pairs);
    let plan = rebalance(&fleet, &filled.tenants, Loads::Weights, &Limits { max_share: 1.0, ..Limits::default() });
    let (loads, moved_load) = carry_out(&plan, filled, &mut fleet);
    let moves = plan.moves.len() as u64;
    Ok(Growth {
        moves,
        moved: moves as f64 / filled.tenants.len().max(1) as f64,
        moved_load: moved_load as f64 / loads.iter().sum::<u64>().max(1) as f64,
        even: 1.0 / fleet.cells().len() as f64,
        load: Spread::of(&loads),
        overlap: Overlap::of(&fleet),
    })
}

/// Moves tenants as the plan says. Returns the load of each cell after, and the load that moved.
fn carry_out(plan: &Plan, filled: &Filled, fleet: &mut Fleet) -> (Vec<u64>, u64) {
    let mut loads = filled.load_by_cell(|tenant| &tenant.home);
    loads.push(0);
    let mut moved = 0;
    let load_of: HashMap<_, _> =
        filled.tenants.iter().map(|tenant| &tenant.id).zip(filled.loads.iter().copied()).collect();
    for planned in &plan.moves {
        fleet.remove(&planned.from, planned.standby_before.as_ref(), planned.weight);
        let choice = Choice { home: planned.to.clone(), standby: planned.standby_after.clone(), sharing: 0 };
        fleet.add(&choice, planned.weight);
        let load = load_of.get(&planned.tenant).copied().unwrap_or_default();
        moved += load;
        if let (Some(from), Some(to)) = (fleet.index(&planned.from), fleet.index(&planned.to)) {
            loads[from] -= load;
            loads[to] += load;
        }
    }
    (loads, moved)
}

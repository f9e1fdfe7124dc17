//! The cells before and after a plan.

use cellstack_core::CellId;

use super::frame::{Bars, Ground, Panel, Picture, WIDTH, count};
use crate::plan::{Kind, Load, Measured, Plan};

/// Cells that are named under their bars at most; more would be unreadable.
const NAMED: usize = 40;

/// Draws the weights of each cell before and after a plan, next to its capacity, or its load where that was measured.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let title = match &plan.kind {
        Kind::Drain(cell) => format!("Drain of {cell}"),
        Kind::Rebalance => "Rebalance".to_owned(),
    };
    let (moves, standbys) = (plan.moves.len() as u64, plan.standbys.len() as u64);
    let subtitle =
        format!("{} tenants move, {} get another standby, {} cells", count(moves), count(standbys), plan.cells.len());
    let shown: Vec<Shown<'_>> = plan.cells.iter().map(Shown::of).collect();
    let description = describe(plan, &shown);
    let mut picture =
        Picture::on(&Ground { height: 440.0, title: &title, subtitle: &subtitle, description: &description });
    picture.legend(88.0, "before", "after");
    let highest = shown.iter().map(|cell| cell.before.max(cell.after).max(cell.capacity.unwrap_or_default())).max();
    let panel = Panel {
        left: 88.0,
        top: 128.0,
        width: WIDTH - 112.0,
        height: 220.0,
        title: if is_measured(plan) { "measured load, by cell" } else { "weights placed, by cell" },
        most: highest.unwrap_or_default().max(1) as f64,
        slots: shown.len(),
    };
    picture.axes(&panel);
    picture.bars(&panel, Bars::After, shown.iter().map(|cell| cell.after as f64));
    picture.bars(&panel, Bars::Before, shown.iter().map(|cell| cell.before as f64));
    if !is_measured(plan) {
        picture.legend_of_limit("capacity");
        picture.limits(&panel, shown.iter().filter_map(|cell| cell.capacity).map(|capacity| capacity as f64));
    }
    if plan.cells.len() <= NAMED {
        for (slot, cell) in shown.iter().enumerate() {
            picture.label(&panel, slot, cell.cell.as_str());
        }
    } else {
        picture.caption(&panel, 24.0, "cells, by id");
    }
    picture.end()
}

/// A cell as it is drawn.
struct Shown<'a> {
    cell: &'a CellId,
    before: u64,
    after: u64,
    /// The bound of both; a measured load has none.
    capacity: Option<u64>,
}

impl<'a> Shown<'a> {
    fn of(load: &'a Load) -> Self {
        let Load { cell, before, after, capacity, .. } = load;
        match load.measured {
            Some(Measured { before, after }) => Self { cell, before, after, capacity: None },
            None => Self { cell, before: *before, after: *after, capacity: Some(*capacity) },
        }
    }

    /// Returns how full it is with a load, to be compared with others of its plan.
    fn fill(&self, load: u64) -> f64 {
        load as f64 / self.capacity.unwrap_or(1).max(1) as f64
    }
}

fn describe(plan: &Plan, shown: &[Shown<'_>]) -> String {
    let most = |of: fn(&Shown<'_>) -> u64| {
        let full = shown.iter().max_by(|one, other| one.fill(of(one)).total_cmp(&other.fill(of(other))));
        full.map_or_else(
            || "none".to_owned(),
            |cell| match cell.capacity {
                Some(capacity) => format!("{} with {} of {capacity}", cell.cell, of(cell)),
                None => format!("{} with {}", cell.cell, of(cell)),
            },
        )
    };
    let word = if is_measured(plan) { "busiest" } else { "fullest" };
    format!("The {word} cell before: {}. The {word} cell after: {}.", most(|cell| cell.before), most(|cell| cell.after))
}

fn is_measured(plan: &Plan) -> bool {
    plan.cells.iter().any(|load| load.measured.is_some())
}

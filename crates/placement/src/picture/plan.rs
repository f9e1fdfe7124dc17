//! The cells before and after a plan.

use super::frame::{Bars, Ground, Panel, Picture, WIDTH, count};
use crate::plan::{Kind, Load, Plan};

/// Cells that are named under their bars at most; more would be unreadable.
const NAMED: usize = 40;

/// Draws the weights of each cell before and after a plan, next to its capacity.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let title = match &plan.kind {
        Kind::Drain(cell) => format!("Drain of {cell}"),
        Kind::Rebalance => "Rebalance".to_owned(),
    };
    let (moves, standbys) = (plan.moves.len() as u64, plan.standbys.len() as u64);
    let subtitle =
        format!("{} tenants move, {} get another standby, {} cells", count(moves), count(standbys), plan.cells.len());
    let mut picture =
        Picture::on(&Ground { height: 440.0, title: &title, subtitle: &subtitle, description: &describe(plan) });
    picture.legend(88.0, "before", "after");
    picture.legend_of_limit("capacity");
    let highest = |load: &Load| load.before.max(load.after).max(load.capacity);
    let panel = Panel {
        left: 88.0,
        top: 128.0,
        width: WIDTH - 112.0,
        height: 220.0,
        title: "weights placed, by cell",
        most: plan.cells.iter().map(highest).max().unwrap_or_default().max(1) as f64,
        slots: plan.cells.len(),
    };
    picture.axes(&panel);
    picture.bars(&panel, Bars::After, plan.cells.iter().map(|load| load.after as f64));
    picture.bars(&panel, Bars::Before, plan.cells.iter().map(|load| load.before as f64));
    picture.limits(&panel, plan.cells.iter().map(|load| load.capacity as f64));
    if plan.cells.len() <= NAMED {
        for (slot, load) in plan.cells.iter().enumerate() {
            picture.label(&panel, slot, load.cell.as_str());
        }
    } else {
        picture.caption(&panel, 24.0, "cells, by id");
    }
    picture.end()
}

fn describe(plan: &Plan) -> String {
    let most = |of: fn(&Load) -> u64| {
        let full = plan.cells.iter().max_by(|one, other| fill(one, of(one)).total_cmp(&fill(other, of(other))));
        full.map_or_else(|| "none".to_owned(), |load| format!("{} with {} of {}", load.cell, of(load), load.capacity))
    };
    format!(
        "The fullest cell before: {}. The fullest cell after: {}.",
        most(|load| load.before),
        most(|load| load.after)
    )
}

fn fill(load: &Load, weight: u64) -> f64 {
    weight as f64 / load.capacity.max(1) as f64
}

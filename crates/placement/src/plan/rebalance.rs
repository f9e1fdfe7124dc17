//! A plan that brings cells into balance with few moves.
//!
//! Each active cell has a target: its part of the whole load, in proportion to capacity and share. A tenant's load is its weight,
//! or was measured; no cell takes more weights than its capacity either way. A cell is in balance within a tolerance of its
//! target. Cells above it give to those that are furthest below theirs; then cells below it take from those
//! that are furthest above. A cell gives its heaviest tenant that is not too heavy, or, where one tenant is enough, the
//! lightest that is: so the moves are few.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use cellstack_core::{CellId, TenantId};

use super::{Kind, Load, Measured, Move, Plan, Stays, Tenant};
use crate::{Cell, Choice, Fleet};

/// Cells that are looked at for the other end of a move: in a large fleet many are as good.
const CANDIDATES: usize = 16;

/// Loads of which a tenant is looked at that the other cell has room for.
const TRIES: usize = 64;

/// The bounds of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The part of its target by which a cell may be off and count as balanced.
    pub tolerance: f64,
    /// The part of all tenants that a plan moves at most.
    pub max_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tolerance: 0.05, max_share: 0.1 }
    }
}

/// The loads that are brought into balance.
#[derive(Debug, Clone, Copy)]
pub enum Loads<'a> {
    /// The weights of tenants.
    Weights,
    /// A measure by tenant. One that is not in it has no load, and stays.
    Measured(&'a BTreeMap<TenantId, u64>),
}

impl Loads<'_> {
    fn of(&self, tenant: &Tenant) -> u64 {
        match self {
            Self::Weights => tenant.weight,
            Self::Measured(loads) => loads.get(&tenant.id).copied().unwrap_or_default(),
        }
    }

    const fn is_measured(&self) -> bool {
        matches!(self, Self::Measured(_))
    }
}

/// Plans the moves that bring the active cells into balance.
#[must_use]
pub fn rebalance(fleet: &Fleet, tenants: &[Tenant], loads: Loads<'_>, limits: &Limits) -> Plan {
    let mut cells = Balance::of(fleet, tenants, loads, limits);
    let mut pairs = cells.shed();
    pairs.extend(cells.fill());
    let bound = (tenants.len() as f64 * limits.max_share).floor() as usize;
    let cut = pairs.len().saturating_sub(bound);
    pairs.truncate(bound);
    let mut after = fleet.clone();
    let planned = |(tenant, to): (usize, usize)| {
        let load = loads.is_measured().then(|| cells.loads[tenant]);
        Move { load, ..planned(&mut after, &tenants[tenant], fleet.at(to).id.clone()) }
    };
    let moves: Vec<Move> = pairs.into_iter().map(planned).collect();
    let left = cells.left(fleet);
    let mut plan = Plan { left, cut: cut as u64, ..Plan::of(Kind::Rebalance, fleet, &after) };
    if loads.is_measured() {
        measure(&mut plan.cells, tenants, &cells.loads, &moves);
    }
    Plan { moves, ..plan }
}

/// Notes the measured load of each cell before and after the moves.
fn measure(cells: &mut [Load], tenants: &[Tenant], loads: &[u64], moves: &[Move]) {
    let mut sums: BTreeMap<&CellId, Measured> = BTreeMap::new();
    for (tenant, load) in tenants.iter().zip(loads) {
        let sum = sums.entry(&tenant.home).or_insert(Measured { before: 0, after: 0 });
        sum.before += load;
        sum.after += load;
    }
    for Move { from, to, load, .. } in moves {
        let load = load.unwrap_or_default();
        if let Some(from) = sums.get_mut(from) {
            from.after -= load;
        }
        sums.entry(to).or_insert(Measured { before: 0, after: 0 }).after += load;
    }
    for cell in cells {
        cell.measured = Some(sums.get(&cell.cell).copied().unwrap_or(Measured { before: 0, after: 0 }));
    }
}

fn planned(after: &mut Fleet, tenant: &Tenant, to: CellId) -> Move {
    after.remove(&tenant.home, tenant.standby.as_ref(), tenant.weight);
    let keeps = |standby: &&CellId| **standby != to && after.cell(standby).is_some_and(Cell::stands_by);
    // A tenant without a standby wants none.
    let standby = match &tenant.standby {
        None => None,
        Some(standby) if keeps(&standby) && after.sharing_pair(&to, standby) == 0 => Some(standby.clone()),
        Some(_) => after.choose_standby(&to),
    };
    let choice = Choice { home: to, standby, sharing: 0 };
    after.add(&choice, tenant.weight);
    Move {
        tenant: tenant.id.clone(),
        epoch: tenant.epoch,
        weight: tenant.weight,
        load: None,
        from: tenant.home.clone(),
        to: choice.home,
        standby_before: tenant.standby.clone(),
        standby_after: choice.standby,
    }
}

/// Returns whether a cell takes part in the balance.
const fn is_open(cell: &Cell) -> bool {
    cell.is_active() && cell.share > 0
}

impl Plan {
    /// Returns the cells that a rebalance leaves above their bounds, of the fleet and with the limits that it was planned
    /// for. Those that wait for moves which were cut off are among them.
    #[must_use]
    pub fn above(&self, fleet: &Fleet, limits: &Limits) -> Vec<&CellId> {
        let is_measured = self.cells.iter().any(|load| load.measured.is_some());
        let before = |load: &Load| load.measured.map_or(load.before, |measured| measured.before);
        let after = |load: &Load| load.measured.map_or(load.after, |measured| measured.after);
        let cells = self.cells.iter().filter_map(|load| Some((load, fleet.cell(&load.cell)?)));
        let open: Vec<(&Load, &Cell)> = cells.filter(|(_, cell)| is_open(cell)).collect();
        let whole = Whole::of(open.iter().map(|(load, cell)| (*cell, before(load))), is_measured);
        let above = open.into_iter().filter(|(load, cell)| after(load) > whole.high(cell, limits));
        above.map(|(load, _)| &load.cell).collect()
    }
}

/// The load and the scale of all open cells.
struct Whole {
    load: u128,
    scale: u128,
    is_measured: bool,
}

impl Whole {
    fn of<'a>(open: impl Iterator<Item = (&'a Cell, u64)>, is_measured: bool) -> Self {
        let (mut load, mut scale) = (0_u128, 0_u128);
        for (cell, part) in open {
            load += u128::from(part);
            scale += cell.scale();
        }
        Self { load, scale: scale.max(1), is_measured }
    }

    /// Returns a cell's part of the load.
    fn target(&self, cell: &Cell) -> f64 {
        (self.load as f64) * (cell.scale() as f64) / (self.scale as f64)
    }

    /// Returns the load above which a cell is out of balance.
    fn high(&self, cell: &Cell, limits: &Limits) -> u64 {
        let most = if self.is_measured { u64::MAX } else { cell.capacity };
        ((self.target(cell) * (1.0 + limits.tolerance)).ceil() as u64).min(most)
    }
}

/// The cells on their way into balance.
struct Balance<'a> {
    tenants: &'a [Tenant],
    /// The load of each tenant.
    loads: Vec<u64>,
    cells: Vec<Side>,
}

/// A cell's load, and the bounds within which it is balanced.
struct Side {
    /// Its index in the fleet.
    at: usize,
    load: u64,
    low: u64,
    high: u64,
    target: u64,
    /// The weights that it still takes.
    room: u64,
    /// Its tenants that may move, by load.
    movable: BTreeMap<u64, Vec<usize>>,
}

impl<'a> Balance<'a> {
    fn of(fleet: &Fleet, tenants: &'a [Tenant], by: Loads<'_>, limits: &Limits) -> Self {
        let open: Vec<usize> = (0..fleet.cells().len()).filter(|at| is_open(fleet.at(*at))).collect();
        let loads: Vec<u64> = tenants.iter().map(|tenant| by.of(tenant)).collect();
        let mut placed: Vec<u64> = fleet.cells().iter().map(|cell| cell.placed).collect();
        if by.is_measured() {
            placed.fill(0);
            for (tenant, load) in tenants.iter().zip(&loads) {
                if let Some(at) = fleet.index(&tenant.home) {
                    placed[at] += load;
                }
            }
        }
        let whole = Whole::of(open.iter().map(|at| (fleet.at(*at), placed[*at])), by.is_measured());
        let side = |at: usize| {
            let cell = fleet.at(at);
            let (target, high) = (whole.target(cell), whole.high(cell, limits));
            let low = (target * (1.0 - limits.tolerance)).floor() as u64;
            let (load, target, room) = (placed[at], target.round() as u64, cell.capacity.saturating_sub(cell.placed));
            Side { at, load, low: low.min(high), high, target, room, movable: BTreeMap::new() }
        };
        let mut cells: Vec<Side> = open.into_iter().map(side).collect();
        let mut positions = vec![None; fleet.cells().len()];
        for (position, side) in cells.iter().enumerate() {
            positions[side.at] = Some(position);
        }
        for (index, tenant) in tenants.iter().enumerate().filter(|(_, tenant)| tenant.settled && !tenant.pinned) {
            let position = fleet.index(&tenant.home).and_then(|at| positions[at]);
            if let Some(position) = position {
                cells[position].movable.entry(loads[index]).or_default().push(index);
            }
        }
        // The last of a load is taken first: by id, in any order of the input.
        for side in &mut cells {
            for list in side.movable.values_mut() {
                list.sort_by(|one, other| tenants[*other].id.cmp(&tenants[*one].id));
            }
        }
        Self { tenants, loads, cells }
    }

    /// Takes tenants out of the cells that are above their bounds.
    fn shed(&mut self) -> Vec<(usize, usize)> {
        let mut moves = Vec::new();
        for from in 0..self.cells.len() {
            while self.cells[from].load > self.cells[from].high {
                let pairs = self.candidates(from, |surplus| surplus).into_iter().map(|to| (from, to));
                let Some(made) = self.make(pairs) else { break };
                moves.push(made);
            }
        }
        moves
    }

    /// Brings tenants into the cells that are below their bounds.
    fn fill(&mut self) -> Vec<(usize, usize)> {
        let mut moves = Vec::new();
        for to in 0..self.cells.len() {
            while self.cells[to].load < self.cells[to].low {
                let pairs = self.candidates(to, Reverse).into_iter().map(|from| (from, to));
                let Some(made) = self.make(pairs) else { break };
                moves.push(made);
            }
        }
        moves
    }
    /// Returns the cells furthest from their targets, on the side that `order` puts first.
    fn candidates<K: Ord>(&self, but: usize, order: impl Fn(i128) -> K) -> Vec<usize> {
        let mut others: Vec<usize> = (0..self.cells.len()).filter(|at| *at != but).collect();
        others.sort_by_key(|at| order(self.cells[*at].surplus()));
        others.truncate(CANDIDATES);
        others
    }

    /// Makes the move between one of these pairs that mends the most, with the lightest tenant that does.
    fn make(&mut self, pairs: impl Iterator<Item = (usize, usize)>) -> Option<(usize, usize)> {
        let moves = pairs.filter_map(|(from, to)| Some((self.best(from, to)?, from, to)));
        let ((_, load), from, to) = moves.max_by_key(|((mended, load), _, _)| (*mended, Reverse(*load)))?;
        let list = self.cells[from].movable.get_mut(&load)?;
        let tenant = list.pop()?;
        if list.is_empty() {
            self.cells[from].movable.remove(&load);
        }
        let weight = self.tenants[tenant].weight;
        self.cells[from].load -= load;
        self.cells[from].room += weight;
        self.cells[to].load += load;
        self.cells[to].room = self.cells[to].room.saturating_sub(weight);
        Some((tenant, self.cells[to].at))
    }

    /// Returns how much the best move between two cells mends, with its load, if a tenant is light enough for both to stay
    /// within their bounds, and for the other cell to have room.
    fn best(&self, from: usize, to: usize) -> Option<(u64, u64)> {
        let (from, to) = (&self.cells[from], &self.cells[to]);
        let most = from.load.checked_sub(from.low)?.min(to.high.checked_sub(to.load)?);
        let (excess, deficit) = (from.load.saturating_sub(from.high), to.low.saturating_sub(to.load));
        if most == 0 {
            return None;
        }
        // A load above both mends no more.
        let enough = excess.max(deficit).max(1);
        let fits = |(load, list): (&u64, &Vec<usize>)| {
            let weight = self.tenants[*list.last()?].weight;
            (weight <= to.room).then_some(*load)
        };
        let lightest = || from.movable.range(enough..=most).take(TRIES).find_map(fits);
        let heaviest = || from.movable.range(1..=most).rev().take(TRIES).find_map(fits);
        let load = if enough <= most { lightest().or_else(heaviest) } else { heaviest() }?;
        Some((load.min(excess) + load.min(deficit), load))
    }

    /// Returns the pinned tenants and those under way of cells that are still above their bounds.
    fn left(&self, fleet: &Fleet) -> Vec<Stays> {
        let above: BTreeSet<&CellId> =
            self.cells.iter().filter(|side| side.load > side.high).map(|side| &fleet.at(side.at).id).collect();
        let reason = |tenant: &Tenant| match (tenant.pinned, tenant.settled) {
            (true, _) => Some(format!("it is pinned: cellctl tenants unpin {}", tenant.id)),
            (_, false) => Some("it is being moved".to_owned()),
            _ => None,
        };
        let stays = |tenant: &Tenant| Some(Stays { tenant: tenant.id.clone(), reason: reason(tenant)? });
        let there = self.tenants.iter().filter(|tenant| above.contains(&tenant.home));
        let mut left: Vec<Stays> = there.filter_map(stays).collect();
        left.sort_by(|one, other| TenantId::cmp(&one.tenant, &other.tenant));
        left
    }
}

impl Side {
    /// Returns how far the cell is above its target; negative below.
    fn surplus(&self) -> i128 {
        i128::from(self.load) - i128::from(self.target)
    }
}

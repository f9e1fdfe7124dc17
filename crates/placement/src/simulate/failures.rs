//! The cost of losing cells: of tenants and of load, in the worst case and on average.

use cellstack_core::CellId;
use serde::Serialize;

use super::{Filled, Scenario};

/// Sets of cells that are tried at most. All sets are tried while there are fewer; above that they are drawn.
const SETS_MAX: u64 = 1_000_000;

/// The loss of a number of cells at once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// The number of cells.
    pub lost: usize,
    /// Sets of so many cells that were tried.
    pub sets: u64,
    /// True if these are all. If not, the worst case may be worse.
    pub all: bool,
    /// The worst of the sets: the one that refuses the most tenants, and of several such sets the one that hits the most.
    pub worst: Fallout,
    /// The cells of the worst set.
    pub cells: Vec<CellId>,
    /// The part of all tenants that is refused on average over all sets. It is exact, however many were tried.
    pub mean_refused: f64,
    /// The least that the worst case can be where all tenants have standbys: the average, which no placement can lower.
    pub optimum: f64,
    /// The part of all tenants whose home is in one of the cells that have the most: the worst case without standbys.
    pub most_hit: f64,
    /// The part of all tenants that a set hits on average: without standbys, these would be refused.
    pub mean_hit: f64,
    /// The most loaded cell that is left, by the mean load of all cells before, if standbys took the whole load of the worst
    /// set.
    pub busiest_over_mean: f64,
}

/// The parts of all tenants, or of all load, that a loss costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fallout {
    /// Tenants whose home is lost.
    pub hit: f64,
    /// Tenants that no cell is left for: they get 503.
    pub refused: f64,
    /// Tenants whose new events are held by standbys.
    pub held: f64,
    /// The part of all load that is refused.
    pub refused_load: f64,
}

/// Tenants and load by cell and by pair of cells.
struct Counts {
    cells: usize,
    tenants: u64,
    load: u64,
    /// Tenants by home.
    homes: Vec<u64>,
    /// Tenants and load without a standby, by home.
    alone: Vec<[u64; 2]>,
    /// Tenants and load by home and standby, row by row.
    pairs: Vec<[u64; 2]>,
}

/// Returns the loss of one cell, of two, and so on.
pub(super) fn all(filled: &Filled, scenario: &Scenario) -> Vec<Failure> {
    let counts = Counts::of(filled);
    (1..=scenario.failures).map(|lost| failure(filled, &counts, lost, scenario.seed)).collect()
}

fn failure(filled: &Filled, counts: &Counts, lost: usize, seed: u64) -> Failure {
    let possible = combinations(counts.cells, lost);
    let all = possible <= SETS_MAX;
    let mut worst = ((0, 0), (0..lost).collect::<Vec<_>>());
    let mut try_set = |set: &[usize]| {
        let [refused, _] = counts.refused(set);
        let cost = (refused, counts.hit(set));
        if cost > worst.0 {
            worst = (cost, set.to_vec());
        }
    };
    if all {
        each_set(counts.cells, lost, &mut try_set);
    } else {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..SETS_MAX).for_each(|_| try_set(&drawn(&mut random, counts.cells, lost)));
    }
    // The chance that so many given cells are all in a set.
    let chance = |given: usize| {
        (0..given).map(|at| lost.saturating_sub(at) as f64 / counts.cells.saturating_sub(at).max(1) as f64).product()
    };
    let (one, both): (f64, f64) = (chance(1), chance(2));
    let alone: u64 = counts.alone.iter().map(|[tenants, _]| tenants).sum();
    let alone = alone as f64 / counts.tenants.max(1) as f64;
    Failure {
        lost,
        sets: possible.min(SETS_MAX),
        all,
        worst: counts.fallout(&worst.1),
        cells: worst.1.iter().map(|at| filled.fleet.at(*at).id.clone()).collect(),
        mean_refused: alone * one + (1.0 - alone) * both,
        optimum: both,
        most_hit: counts.most_hit(lost),
        mean_hit: one,
        busiest_over_mean: busiest_over_mean(counts, filled, &worst.1),
    }
}

impl Counts {
    fn of(filled: &Filled) -> Self {
        let cells = filled.fleet.cells().len();
        let (homes, alone, pairs) = (vec![0; cells], vec![[0; 2]; cells], vec![[0; 2]; cells * cells]);
        let mut counts = Self { cells, tenants: 0, load: 0, homes, alone, pairs };
        for (tenant, load) in filled.tenants.iter().zip(&filled.loads) {
            let Some(home) = filled.fleet.index(&tenant.home) else { continue };
            let standby = tenant.standby.as_ref().and_then(|standby| filled.fleet.index(standby));
            counts.tenants += 1;
            counts.load += load;
            counts.homes[home] += 1;
            let count = match standby {
                Some(standby) => &mut counts.pairs[home * cells + standby],
                None => &mut counts.alone[home],
            };
            count[0] += 1;
            count[1] += load;
        }
        counts
    }

    /// Returns the tenants, and their load, whose cells are all in a set.
    fn refused(&self, set: &[usize]) -> [u64; 2] {
        let mut refused = [0; 2];
        for home in set {
            let both = set.iter().map(|standby| &self.pairs[home * self.cells + standby]);
            for [tenants, load] in both.chain([&self.alone[*home]]) {
                refused[0] += tenants;
                refused[1] += load;
            }
        }
        refused
    }

    /// Returns the tenants whose home is in a set.
    fn hit(&self, set: &[usize]) -> u64 {
        set.iter().map(|home| self.homes[*home]).sum()
    }

    fn most_hit(&self, lost: usize) -> f64 {
        let mut homes = self.homes.clone();
        homes.sort_unstable_by(|one, other| other.cmp(one));
        homes.iter().take(lost).sum::<u64>() as f64 / self.tenants.max(1) as f64
    }

    fn fallout(&self, set: &[usize]) -> Fallout {
        let hit = self.hit(set);
        let [refused, load] = self.refused(set);
        let part = |count: u64| count as f64 / self.tenants.max(1) as f64;
        let refused_load = load as f64 / self.load.max(1) as f64;
        Fallout { hit: part(hit), refused: part(refused), held: part(hit - refused), refused_load }
    }
}

/// Returns the most loaded cell that is left after the loss of a set, by the mean before; 0 if none is left.
fn busiest_over_mean(counts: &Counts, filled: &Filled, set: &[usize]) -> f64 {
    let own = filled.load_by_cell(|tenant| &tenant.home);
    let taken = |standby: usize| set.iter().map(|home| counts.pairs[home * counts.cells + standby][1]).sum::<u64>();
    let left = (0..counts.cells).filter(|at| !set.contains(at)).map(|at| own[at] + taken(at));
    let mean = counts.load as f64 / counts.cells as f64;
    if mean > 0.0 { left.max().unwrap_or_default() as f64 / mean } else { 0.0 }
}

/// Returns the number of sets of `of` cells; the largest number if there are more.
fn combinations(cells: usize, of: usize) -> u64 {
    let factor = |so_far: u64, at: usize| so_far.saturating_mul((cells - at) as u64) / (at as u64 + 1);
    (0..of).fold(1, factor)
}

/// Draws a set of `of` cells. There are many more cells than that, or all sets would be tried.
fn drawn(random: &mut fastrand::Rng, cells: usize, of: usize) -> Vec<usize> {
    let mut set = Vec::with_capacity(of);
    while set.len() < of {
        let at = random.usize(..cells);
        if !set.contains(&at) {
            set.push(at);
        }
    }
    set.sort_unstable();
    set
}

/// Calls with each set of `of` of the cells.
fn each_set(cells: usize, of: usize, call: &mut impl FnMut(&[usize])) {
    let mut set: Vec<usize> = (0..of).collect();
    loop {
        call(&set);
        // The last place that can still go up does, and those after it follow closely.
        let Some(place) = (0..of).rev().find(|place| set[*place] < cells - of + place) else { return };
        set[place] += 1;
        for after in place + 1..of {
            set[after] = set[after - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_comes_once() {
        for (cells, of) in [(1, 1), (5, 2), (6, 3), (7, 7), (12, 4)] {
            let mut sets = std::collections::BTreeSet::new();
            let mut calls = 0;
            each_set(cells, of, &mut |set: &[usize]| {
                calls += 1;
                assert!(set.is_sorted_by(|one, other| one < other) && set[of - 1] < cells);
                sets.insert(set.to_vec());
            });
            assert_eq!((calls, sets.len() as u64), (combinations(cells, of), combinations(cells, of)));
        }
        assert_eq!((combinations(12, 2), combinations(1_000, 2), combinations(12, 0)), (66, 499_500, 1));
    }
}

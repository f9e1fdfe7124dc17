//! The cells, and how many tenants share each pair of them.

use std::collections::{BTreeSet, HashMap};

use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;

use crate::{Cell, Choice};

/// The cells of a deployment with their counts.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// By id, so that a choice does not depend on the order in which cells are given.
    cells: Vec<Cell>,
    by_id: HashMap<CellId, usize>,
    /// Tenants by home and standby, row by row.
    pairs: Vec<u64>,
    /// For each home, its possible standbys, the least shared first.
    standbys: Vec<BTreeSet<Sharing>>,
}

/// A standby of a home, by the number of tenants that share the two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sharing {
    /// Tenants that are in one of the two cells and have the other as their standby.
    pub(crate) either: u64,
    /// Of these, those of the home.
    pub(crate) home: u64,
    /// The index of the standby.
    pub(crate) standby: usize,
}

impl Fleet {
    /// Makes a fleet of cells, with the number of tenants by home and standby. Pairs of cells that are not in the fleet do
    /// not count.
    #[must_use]
    pub fn new(
        cells: impl IntoIterator<Item = Cell>,
        pairs: impl IntoIterator<Item = ((CellId, CellId), u64)>,
    ) -> Self {
        let mut cells: Vec<Cell> = cells.into_iter().collect();
        cells.sort_by(|one, other| one.id.cmp(&other.id));
        let by_id: HashMap<_, _> = cells.iter().enumerate().map(|(at, cell)| (cell.id.clone(), at)).collect();
        let mut fleet = Self { pairs: vec![0; cells.len() * cells.len()], cells, by_id, standbys: Vec::new() };
        for ((home, standby), count) in pairs {
            if let (Some(home), Some(standby)) = (fleet.index(&home), fleet.index(&standby)) {
                let at = fleet.pair(home, standby);
                fleet.pairs[at] += count;
            }
        }
        let all = 0..fleet.cells.len();
        let possible = |home| {
            let others = all.clone().filter(|standby| *standby != home && fleet.cells[*standby].stands_by());
            others.map(|standby| fleet.sharing(home, standby)).collect()
        };
        fleet.standbys = all.clone().map(possible).collect();
        fleet
    }

    /// Returns the cells, by id.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Returns a cell.
    #[must_use]
    pub fn cell(&self, id: &CellId) -> Option<&Cell> {
        self.index(id).map(|at| &self.cells[at])
    }

    /// Returns the number of tenants whose home and standby these are.
    #[must_use]
    pub fn sharing_pair(&self, home: &CellId, standby: &CellId) -> u64 {
        let indices = self.index(home).zip(self.index(standby));
        indices.map_or(0, |(home, standby)| self.pairs[self.pair(home, standby)])
    }

    /// Counts a tenant in, as its transaction does.
    pub fn add(&mut self, choice: &Choice, weight: u64) {
        self.count(&choice.home, choice.standby.as_ref(), |cell, pair| {
            cell.tenants += 1;
            cell.placed += weight;
            *pair += 1;
        });
    }

    /// Counts a tenant out.
    pub fn remove(&mut self, home: &CellId, standby: Option<&CellId>, weight: u64) {
        self.count(home, standby, |cell, pair| {
            cell.tenants = cell.tenants.saturating_sub(1);
            cell.placed = cell.placed.saturating_sub(weight);
            *pair = pair.saturating_sub(1);
        });
    }

    /// Closes a cell to new tenants and as a standby, as a drain does.
    pub fn close(&mut self, id: &CellId) {
        let Some(at) = self.index(id) else { return };
        self.cells[at].status = Some(CellStatus::Draining);
        for standbys in &mut self.standbys {
            standbys.retain(|sharing| sharing.standby != at);
        }
    }

    fn count(&mut self, home: &CellId, standby: Option<&CellId>, change: impl Fn(&mut Cell, &mut u64)) {
        let Some(home) = self.index(home) else { return };
        let Some(standby) = standby.and_then(|standby| self.index(standby)) else {
            change(&mut self.cells[home], &mut 0);
            return;
        };
        // The pair is in the order of both cells.
        let before = [(home, standby), (standby, home)].map(|(home, standby)| (home, self.sharing(home, standby)));
        let pair = self.pair(home, standby);
        change(&mut self.cells[home], &mut self.pairs[pair]);
        for (home, sharing) in before {
            if self.standbys[home].remove(&sharing) {
                let now = self.sharing(home, sharing.standby);
                self.standbys[home].insert(now);
            }
        }
    }

    /// Returns the number of tenants by home and standby, of the pairs in use.
    pub fn pairs(&self) -> impl Iterator<Item = (&CellId, &CellId, u64)> {
        let in_use = self.pairs.iter().enumerate().filter(|(_, count)| **count > 0);
        in_use.map(|(at, count)| {
            let (home, standby) = (at / self.cells.len(), at % self.cells.len());
            (&self.cells[home].id, &self.cells[standby].id, *count)
        })
    }

    pub(crate) fn index(&self, id: &CellId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn at(&self, index: usize) -> &Cell {
        &self.cells[index]
    }

    /// Returns the standby that shares the fewest tenants with a home.
    pub(crate) fn least_shared(&self, home: usize) -> Option<Sharing> {
        self.standbys[home].first().copied()
    }

    pub(crate) fn sharing(&self, home: usize, standby: usize) -> Sharing {
        let (there, back) = (self.pairs[self.pair(home, standby)], self.pairs[self.pair(standby, home)]);
        Sharing { either: there + back, home: there, standby }
    }

    fn pair(&self, home: usize, standby: usize) -> usize {
        home * self.cells.len() + standby
    }
}

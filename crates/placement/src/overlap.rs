//! The tenants that share both cells, and what the loss of one or two cells costs.

use std::collections::BTreeMap;

use cellstack_core::CellId;
use serde::Serialize;

use crate::Fleet;

/// The sharing of cells in a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// Cells that have tenants or may take some.
    pub cells: usize,
    /// Tenants in all.
    pub tenants: u64,
    /// Tenants without a standby.
    pub without_standby: u64,
    /// The number of pairs of cells by the number of tenants that share the two.
    pub pairs: BTreeMap<u64, u64>,
    /// Tenants that a pair would have if all pairs had as many.
    pub even: f64,
    /// The loss of one cell, in the worst case.
    pub one: Option<Loss>,
    /// The loss of two cells, in the worst case.
    pub two: Option<Loss>,
}

/// The loss of cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loss {
    /// The cells.
    pub cells: Vec<CellId>,
    /// Tenants that no cell is left for: they get 503.
    pub refused: u64,
    /// Tenants whose new events are held by their standbys.
    pub held: u64,
    /// The part of all tenants that is refused.
    pub refused_share: f64,
    /// The smallest part that any placement could reach.
    pub optimum: f64,
}

impl Overlap {
    /// Counts the sharing in a fleet.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let used: Vec<usize> = (0..fleet.cells().len()).filter(|at| counts(fleet, *at)).collect();
        let tenants: u64 = used.iter().map(|at| fleet.at(*at).tenants).sum();
        let alone: BTreeMap<usize, u64> = used.iter().map(|at| (*at, without_standby(fleet, *at))).collect();
        let mut pairs = BTreeMap::new();
        let (mut one, mut two): (Option<Loss>, Option<Loss>) = (None, None);
        let n = used.len();
        let combinations = (n * n.saturating_sub(1) / 2) as f64;
        let share = |count: u64| if tenants == 0 { 0.0 } else { count as f64 / tenants as f64 };
        let loss = |cells: &[usize], refused: u64, optimum: f64| {
            let all: u64 = cells.iter().map(|at| fleet.at(*at).tenants).sum();
            let cells = cells.iter().map(|at| fleet.at(*at).id.clone()).collect();
            Loss { cells, refused, held: all.saturating_sub(refused), refused_share: share(refused), optimum }
        };
        for (at, first) in used.iter().enumerate() {
            worst(&mut one, loss(&[*first], alone[first], 0.0));
            for second in &used[..at] {
                let either = fleet.sharing(*first, *second).either;
                *pairs.entry(either).or_insert(0) += 1;
                let refused = either + alone[first] + alone[second];
                worst(
                    &mut two,
                    loss(&[*second, *first], refused, if combinations > 0.0 { 1.0 / combinations } else { 1.0 }),
                );
            }
        }
        let without_standby = alone.values().sum();
        let even = if combinations > 0.0 { (tenants - without_standby) as f64 / combinations } else { 0.0 };
        Self { cells: n, tenants, without_standby, pairs, even, one, two }
    }
}

fn counts(fleet: &Fleet, at: usize) -> bool {
    let cell = fleet.at(at);
    cell.tenants > 0 || cell.stands_by()
}

fn without_standby(fleet: &Fleet, home: usize) -> u64 {
    let with: u64 = (0..fleet.cells().len()).map(|standby| fleet.sharing(home, standby).home).sum();
    fleet.at(home).tenants.saturating_sub(with)
}

/// Keeps the loss that refuses the most tenants, and of equals the one that hurts the most.
fn worst(so_far: &mut Option<Loss>, loss: Loss) {
    if so_far.as_ref().is_none_or(|worst| (loss.refused, loss.held) > (worst.refused, worst.held)) {
        *so_far = Some(loss);
    }
}

#[cfg(test)]
mod tests {
    use cellstack_core::registry::CellStatus;

    use super::*;
    use crate::{Cell, Request, StandbyRequest};

    fn fleet(cells: usize, tenants: usize, standby: &StandbyRequest) -> Fleet {
        let cell = |at: usize| Cell {
            id: format!("cell-{at}").parse().unwrap(),
            status: Some(CellStatus::Active),
            capacity: 10_000,
            share: 1,
            placed: 0,
            tenants: 0,
        };
        let mut fleet = Fleet::new((0..cells).map(cell), []);
        for _ in 0..tenants {
            let choice = fleet.choose(&Request { weight: 1, cell: None, standby: standby.clone() }).unwrap();
            fleet.add(&choice, 1);
        }
        fleet
    }

    #[test]
    fn losing_two_of_twelve_cells_takes_one_tenant_in_sixty_six() {
        let overlap = Overlap::of(&fleet(12, 10_000, &StandbyRequest::Any));
        assert_eq!(overlap.pairs.keys().copied().collect::<Vec<_>>(), [151, 152]);
        let two = overlap.two.unwrap();
        assert_eq!(two.refused, 152);
        assert!(two.refused_share <= 1.0 / 66.0 + 1.0 / 10_000.0, "{two:?}");
        assert_eq!(overlap.one.unwrap().refused, 0);
    }

    #[test]
    fn without_standbys_a_lost_cell_takes_all_of_its_tenants() {
        let overlap = Overlap::of(&fleet(8, 800, &StandbyRequest::None));
        let one = overlap.one.unwrap();
        assert_eq!((overlap.without_standby, one.held), (800, 0));
        assert!((one.refused_share - 0.125).abs() < 0.02, "{one:?}");
    }
}

//! Automation that probes the cells and marks them, as an operator would, or a loop of probes.
//!
//! | the cell is | probes | it is marked |
//! |---|---|---|
//! | active | [`DOWN_AFTER`] in a row fail | down |
//! | down | [`RECOVERING_AFTER`] in a row work | recovering |
//! | recovering | [`ACTIVE_AFTER`] in a row work | active |
//! | recovering | one fails | down |

use std::cell::RefCell;
use std::time::Duration;

use cellstack_core::registry::CellStatus;
use futures::future::join_all;

use super::super::load::Loaded;

/// Pause between two probes of a cell.
const EVERY: Duration = Duration::from_secs(1);
/// Time of the first probes. A cell that dies at a full second dies just after a probe: that is found out last.
const FIRST: Duration = Duration::from_millis(950);
/// Time of a probe.
const TIME: Duration = Duration::from_millis(500);
/// Probes in a row that fail before a cell is marked down.
const DOWN_AFTER: u32 = 3;
/// Probes in a row that work before a cell is marked recovering.
const RECOVERING_AFTER: u32 = 3;
/// Probes in a row that work before a recovering cell is marked active: a minute. Down is fast and up is slow, since a
/// cell that died may die again of the same cause; its tenants' events are safe with their standbys meanwhile.
const ACTIVE_AFTER: u32 = 60;

/// A cell's status, and the probes that speak for another one.
#[derive(Debug, Clone, Copy)]
struct Health {
    status: CellStatus,
    in_a_row: u32,
}

/// The automation of all cells.
#[derive(Debug)]
pub(crate) struct Automation(RefCell<Vec<Health>>);

impl Automation {
    /// Creates it for cells that are active.
    pub(crate) fn of(cells: usize) -> Self {
        Self(RefCell::new(vec![Health { status: CellStatus::Active, in_a_row: 0 }; cells]))
    }

    /// Returns whether a cell is marked otherwise than active.
    pub(crate) fn is_marked(&self, cell: usize) -> bool {
        self.0.borrow()[cell].status != CellStatus::Active
    }

    /// Probes and marks until the time is over.
    pub(crate) async fn run(&self, loaded: &Loaded, end: Duration) {
        let mut next = FIRST;
        loaded.until(next).await;
        while loaded.elapsed() < end {
            join_all((0..loaded.load.cells).map(|cell| self.look_after(loaded, cell))).await;
            next += EVERY;
            loaded.until(next).await;
        }
    }

    async fn look_after(&self, loaded: &Loaded, cell: usize) {
        let works = loaded.probe(cell, TIME).await;
        let changed = self.0.borrow_mut()[cell].note(works);
        if let Some(status) = changed {
            loaded.mark(cell, status).await;
        }
    }
}

impl Health {
    /// Notes a probe, and returns the status that the cell is to be marked with, if that changes.
    fn note(&mut self, works: bool) -> Option<CellStatus> {
        let (counts, enough, next) = match self.status {
            CellStatus::Down => (works, RECOVERING_AFTER, CellStatus::Recovering),
            CellStatus::Recovering if works => (true, ACTIVE_AFTER, CellStatus::Active),
            CellStatus::Recovering => (true, 1, CellStatus::Down),
            _ => (!works, DOWN_AFTER, CellStatus::Down),
        };
        self.in_a_row = if counts { self.in_a_row + 1 } else { 0 };
        if self.in_a_row < enough {
            return None;
        }
        *self = Self { status: next, in_a_row: 0 };
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the marks after so many probes that work (`true`) or fail.
    fn marks(health: &mut Health, works: bool, probes: u32) -> Vec<CellStatus> {
        (0..probes).filter_map(|_| health.note(works)).collect()
    }

    #[test]
    fn down_is_fast_and_up_is_slow() {
        let mut health = Health { status: CellStatus::Active, in_a_row: 0 };
        assert!(marks(&mut health, false, DOWN_AFTER - 1).is_empty());
        assert!(marks(&mut health, true, 1).is_empty(), "a probe that works forgives the failures before");
        assert!(marks(&mut health, false, DOWN_AFTER - 1).is_empty());
        assert_eq!(marks(&mut health, false, 1), [CellStatus::Down]);
        assert!(marks(&mut health, false, 100).is_empty());
        assert_eq!(marks(&mut health, true, RECOVERING_AFTER), [CellStatus::Recovering]);
        assert!(marks(&mut health, true, ACTIVE_AFTER - 1).is_empty());
        assert_eq!(marks(&mut health, false, 1), [CellStatus::Down], "a recovering cell is given no second chance");
        assert_eq!(
            marks(&mut health, true, RECOVERING_AFTER + ACTIVE_AFTER),
            [CellStatus::Recovering, CellStatus::Active]
        );
    }
}

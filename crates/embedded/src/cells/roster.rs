//! The cells that a stack has at the moment, with their mappings.

use std::sync::{Arc, Mutex};

use cellstack_core::CellId;
use cellstack_core::sync::lock;
use cellstack_emulator::MappingHandle;

/// The cells of a stack, in the order in which they came. Clones share them.
#[derive(Clone)]
pub(crate) struct Roster(Arc<Mutex<Vec<Standing>>>);

struct Standing {
    cell: CellId,
    mappings: Vec<MappingHandle>,
}

impl Roster {
    pub(crate) fn new(cells: impl IntoIterator<Item = CellId>) -> Self {
        let cells = cells.into_iter().map(|cell| Standing { cell, mappings: Vec::new() });
        Self(Arc::new(Mutex::new(cells.collect())))
    }

    pub(crate) fn cells(&self) -> Vec<CellId> {
        lock(&self.0).iter().map(|standing| standing.cell.clone()).collect()
    }

    pub(crate) fn contains(&self, cell: &CellId) -> bool {
        lock(&self.0).iter().any(|standing| standing.cell == *cell)
    }

    /// Adds a cell with its mappings, or gives mappings to a cell that is there.
    pub(super) fn insert(&self, cell: &CellId, mappings: Vec<MappingHandle>) {
        let mut roster = lock(&self.0);
        match roster.iter_mut().find(|standing| standing.cell == *cell) {
            Some(standing) => standing.mappings.extend(mappings),
            None => roster.push(Standing { cell: cell.clone(), mappings }),
        }
    }

    /// Removes a cell, and returns its mappings.
    pub(super) fn remove(&self, cell: &CellId) -> Vec<MappingHandle> {
        let mut roster = lock(&self.0);
        let at = roster.iter().position(|standing| standing.cell == *cell);
        at.map(|at| roster.remove(at).mappings).unwrap_or_default()
    }

    /// Returns the number of stream records that the mappings have not finished.
    pub(crate) fn lag(&self) -> u64 {
        lock(&self.0).iter().flat_map(|standing| &standing.mappings).map(MappingHandle::lag).sum()
    }

    /// Returns all mappings, cell by cell. The cells stay, without any.
    pub(crate) fn take_mappings(&self) -> Vec<MappingHandle> {
        lock(&self.0).iter_mut().flat_map(|standing| std::mem::take(&mut standing.mappings)).collect()
    }
}

/// Returns the names of cells for a message.
pub(crate) fn listed(cells: &[CellId]) -> String {
    cells.iter().map(CellId::as_str).collect::<Vec<_>>().join(", ")
}

//! The counts of cells and pairs, as the tenant map makes them.

use std::collections::BTreeMap;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_store::cells::Counts;
use cellstack_store::moves::all;
use cellstack_store::tenant_map::TenantEntry;

use crate::deployment::Deployment;

/// The counts that the map makes.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) cells: BTreeMap<CellId, Counts>,
    pub(crate) pairs: BTreeMap<(CellId, CellId), u64>,
    /// Entries that could not be read, each with the reason.
    pub(crate) unreadable: Vec<String>,
}

impl Counted {
    /// Counts all entries of the map.
    pub(crate) async fn read(deployment: &Deployment) -> Result<Self> {
        let mut counted = Self::default();
        deployment.tenant_map().scan(|entry| counted.add(entry)).await?;
        Ok(counted)
    }

    fn add(&mut self, entry: Result<TenantEntry, String>) {
        match entry {
            Err(reason) => self.unreadable.push(reason),
            Ok(entry) if entry.is_placed() => {
                let TenantEntry { route, weight, moving_to, .. } = entry;
                // A move has reserved its room.
                for cell in std::iter::once(&route.cell_id).chain(&moving_to) {
                    let counts = self.cells.entry(cell.clone()).or_default();
                    counts.tenants += 1;
                    counts.placed += weight;
                }
                if let Some(standby) = route.standby_cell_id {
                    *self.pairs.entry((route.cell_id, standby)).or_default() += 1;
                }
            }
            Ok(_) => {}
        }
    }

    /// Returns the counts of a cell.
    pub(crate) fn of(&self, cell: &CellId) -> Counts {
        self.cells.get(cell).copied().unwrap_or_default()
    }

    /// Returns the number of tenants for which a cell stands by.
    pub(crate) fn stood_by(&self, cell: &CellId) -> u64 {
        self.pairs.iter().filter(|((_, standby), _)| standby == cell).map(|(_, count)| count).sum()
    }
}

/// Counts the moves under way that make a cell a standby, by cell. The pairs have none of them until it flips: read the pairs after it.
pub(crate) async fn moves_to_standby(deployment: &Deployment) -> Result<BTreeMap<CellId, u64>> {
    let records = all(&deployment.dynamodb, &deployment.registry(), |_| false).await?;
    let mut counts = BTreeMap::new();
    for record in records.into_iter().filter(|record| record.phase.is_under_way()) {
        if let Some(standby) = record.standby_after {
            *counts.entry(standby).or_default() += 1;
        }
    }
    Ok(counts)
}

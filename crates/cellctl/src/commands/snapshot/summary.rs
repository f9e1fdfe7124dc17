//! The contents of a snapshot, cell by cell.

use std::collections::BTreeMap;

use anyhow::Result;
use cellstack_core::event::rfc3339;
use cellstack_core::registry::CellRecord;
use cellstack_core::snapshot::Header;
use cellstack_core::{CellId, Epoch, TenantRoute};
use cellstack_store::snapshot::SnapshotSource;
use serde::Serialize;

use crate::console::{Console, Output, table};

/// A summary of a snapshot, for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    place: String,
    format: String,
    /// The time at which the read of the map began.
    taken_at: String,
    taken_at_ms: u64,
    tenants: u64,
    cells: u64,
    /// The largest epoch of all tenants.
    epoch: Epoch,
    blocks: u64,
    /// The SHA-256 of the index, which has those of the blocks.
    sha256: String,
    by_cell: Vec<Row>,
}

/// A cell of the snapshot.
#[derive(Debug, Serialize)]
struct Row {
    cell: CellId,
    /// `None` for a cell that tenants name and the registry does not have.
    status: Option<&'static str>,
    table: Option<String>,
    /// Tenants that are in the cell.
    tenants: u64,
    /// Tenants that have the cell as their standby.
    standby_for: u64,
}

/// The number of tenants that are in each cell, and that have it as their standby.
#[derive(Debug, Default)]
pub(super) struct CellCounts(BTreeMap<CellId, (u64, u64)>);

impl CellCounts {
    pub(super) fn add(&mut self, route: &TenantRoute) {
        self.of(&route.cell_id).0 += 1;
        if let Some(standby) = &route.standby_cell_id {
            self.of(standby).1 += 1;
        }
    }

    fn of(&mut self, cell: &CellId) -> &mut (u64, u64) {
        self.0.entry(cell.clone()).or_default()
    }
}

impl Summary {
    pub(super) fn of(
        place: &SnapshotSource,
        header: &Header,
        cells: &BTreeMap<CellId, CellRecord>,
        counts: CellCounts,
    ) -> Self {
        let mut counts = counts.0;
        for cell in cells.keys() {
            counts.entry(cell.clone()).or_default();
        }
        let row = |(cell, (tenants, standby_for)): (CellId, (u64, u64))| {
            let record = cells.get(&cell);
            let status = record.map(|record| record.status.as_str());
            Row { status, table: record.map(|record| record.table.clone()), cell, tenants, standby_for }
        };
        let Header { format, taken_at, tenants, cells: cell_count, epoch, blocks, index_bytes: _, sha256 } =
            header.clone();
        Self {
            place: place.to_string(),
            format,
            taken_at: rfc3339(taken_at),
            taken_at_ms: taken_at,
            tenants,
            cells: cell_count,
            epoch,
            blocks,
            sha256,
            by_cell: counts.into_iter().map(row).collect(),
        }
    }

    /// Returns the cells that tenants name and the registry does not have.
    pub(super) fn unregistered(&self) -> Vec<&str> {
        self.by_cell.iter().filter(|row| row.status.is_none()).map(|row| row.cell.as_str()).collect()
    }

    /// Returns a line such as `2 tenants in 3 cells, taken at …`.
    pub(super) fn line(&self) -> String {
        let (tenants, cells) = (plural(self.tenants, "tenant"), plural(self.cells, "cell"));
        format!("{tenants} in {cells}, taken at {}", self.taken_at)
    }

    /// Returns a text such as `1 block`.
    pub(super) fn blocks(&self) -> String {
        plural(self.blocks, "block")
    }

    pub(super) fn print(&self, output: Output, console: &mut Console) -> Result<()> {
        if output == Output::Json {
            return console.json(self);
        }
        let mut table = table(&["cell", "status", "tenants", "standby for", "table"]);
        for row in &self.by_cell {
            table.add_row([
                row.cell.as_str(),
                row.status.unwrap_or("not registered"),
                &row.tenants.to_string(),
                &row.standby_for.to_string(),
                row.table.as_deref().unwrap_or("-"),
            ]);
        }
        console.print(table)
    }
}

fn plural(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

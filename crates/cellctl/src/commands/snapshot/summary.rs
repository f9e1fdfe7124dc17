//! The contents of a snapshot, cell by cell.

use std::collections::BTreeMap;

use anyhow::Result;
use cellstack_core::event::rfc3339;
use cellstack_core::snapshot::{Header, Snapshot};
use cellstack_core::{CellId, Epoch};
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
    tenants: usize,
    /// Tenants that have the cell as their standby.
    standby_for: usize,
}

impl Summary {
    pub(super) fn of(place: &SnapshotSource, snapshot: &Snapshot) -> Self {
        let mut counts: BTreeMap<&CellId, (usize, usize)> = snapshot.cells.keys().map(|cell| (cell, (0, 0))).collect();
        for route in snapshot.tenants.values() {
            counts.entry(&route.cell_id).or_default().0 += 1;
            if let Some(standby) = &route.standby_cell_id {
                counts.entry(standby).or_default().1 += 1;
            }
        }
        let row = |(cell, (tenants, standby_for)): (&CellId, (usize, usize))| {
            let record = snapshot.cell(cell);
            let status = record.map(|record| record.status.as_str());
            Row { cell: cell.clone(), status, table: record.map(|record| record.table.clone()), tenants, standby_for }
        };
        let Header { format, taken_at, tenants, cells, epoch, sha256 } = snapshot.header();
        Self {
            place: place.to_string(),
            format,
            taken_at: rfc3339(taken_at),
            taken_at_ms: taken_at,
            tenants,
            cells,
            epoch,
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
        let plural = |count: u64, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
        let (tenants, cells) = (plural(self.tenants, "tenant"), plural(self.cells, "cell"));
        format!("{tenants} in {cells}, taken at {}", self.taken_at)
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

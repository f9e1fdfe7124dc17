//! `cellctl cells ls`

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_store::cells::{Cell, Listing};
use clap::Args;
use serde::Serialize;

use crate::cells;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;

/// List cells with status, tenants and capacity
///
/// A cell that was stamped and never bootstrapped serves, and takes no tenants. Exit code 3 if a cell has a configuration
/// and no state, or a state and no configuration: a message names it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells ls
  cellctl cells ls --output json")]
pub(super) struct Ls {}

/// A cell as it is listed.
#[derive(Debug, Serialize)]
struct Row<'a> {
    cell: &'a CellId,
    /// The status; `new` if the cell was never bootstrapped.
    status: &'a str,
    tenants: u64,
    placed: u64,
    capacity: u64,
    weight: u64,
    wave: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The status that is shown of a cell without a state.
pub(super) const NEW: &str = "new";

impl<'a> Row<'a> {
    fn of(cell: &'a Cell) -> Self {
        let state = cell.state.as_ref();
        Self {
            cell: &cell.id,
            status: state.map_or(NEW, |state| state.status.as_str()),
            tenants: state.map_or(0, |state| state.tenants),
            placed: state.map_or(0, |state| state.placed),
            capacity: cell.config.capacity,
            weight: cell.config.weight,
            wave: cell.config.wave,
            reason: state.and_then(|state| state.reason.as_deref()),
        }
    }
}

impl Ls {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let listing = cells::list(deployment).await?;
        let rows: Vec<Row<'_>> = listing.cells.iter().map(Row::of).collect();
        match output {
            Output::Json => console.json(&rows)?,
            Output::Table => {
                let mut table = table(&["cell", "status", "tenants", "placed", "capacity", "weight", "wave", "reason"]);
                for row in &rows {
                    let numbers = [row.tenants, row.placed, row.capacity, row.weight, row.wave].map(|n| n.to_string());
                    let mut cells = vec![row.cell.to_string(), row.status.to_owned()];
                    cells.extend(numbers);
                    cells.push(row.reason.unwrap_or_default().to_owned());
                    table.add_row(cells);
                }
                console.print(table)?;
            }
        }
        let strays = strays(&listing);
        for stray in &strays {
            console.say(stray);
        }
        Ok(Completion::of(strays.is_empty()))
    }
}

/// Returns a message for each cell that only one of Terraform and cellctl knows.
pub(crate) fn strays(listing: &Listing) -> Vec<String> {
    let new = listing.cells.iter().filter(|cell| cell.state.is_none());
    let new =
        new.map(|Cell { id, .. }| format!("{id} is stamped and takes no tenants yet: cellctl cells bootstrap {id}"));
    let gone = listing.without_config.iter().filter(|(id, _)| !listing.retired.contains(*id)).map(|(id, state)| {
        let tenants = state.tenants;
        format!("{id} has a state and no configuration ({tenants} tenants): stamp it again, or cellctl cells sync")
    });
    new.chain(gone).collect()
}

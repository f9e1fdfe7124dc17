//! `cellctl cells show`

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use cellstack_core::CellId;
use cellstack_core::event::rfc3339;
use cellstack_core::registry::CellState;
use cellstack_store::cells::{Cell, Listing};
use clap::Args;
use serde::Serialize;

use super::ls::NEW;
use crate::cells;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;

/// Show a cell: its configuration, its state, and the standbys of its tenants
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells show alpha
  cellctl cells show alpha --output json")]
pub(super) struct Show {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
}

/// A cell as it is shown.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    cell: &'a CellId,
    status: &'a str,
    tenants: u64,
    placed: u64,
    capacity: u64,
    weight: u64,
    wave: u64,
    table: &'a str,
    queue_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// The number of its tenants by standby.
    standbys: BTreeMap<&'a CellId, u64>,
    /// The number of its tenants that have no standby.
    without_standby: u64,
    /// The number of other cells' tenants that it stands by for.
    stands_by_for: u64,
}

impl<'a> Shown<'a> {
    fn of(listing: &'a Listing, cell: &'a Cell) -> Self {
        let state = cell.state.as_ref();
        let standbys: BTreeMap<_, _> = listing.standbys(&cell.id).collect();
        let tenants = state.map_or(0, |state| state.tenants);
        let stands_by = listing.pairs.iter().filter(|((_, standby), _)| *standby == cell.id).map(|(_, count)| count);
        Self {
            cell: &cell.id,
            status: state.map_or(NEW, |state| state.status.as_str()),
            tenants,
            placed: state.map_or(0, |state| state.placed),
            capacity: cell.config.capacity,
            weight: cell.config.weight,
            wave: cell.config.wave,
            table: &cell.config.table,
            queue_url: &cell.config.queue_url,
            reason: state.and_then(|state| state.reason.as_deref()),
            updated_by: state.and_then(|state| state.updated_by.as_deref()),
            updated_at: state.and_then(|CellState { updated_at, .. }| updated_at.map(rfc3339)),
            without_standby: tenants.saturating_sub(standbys.values().sum()),
            standbys,
            stands_by_for: stands_by.sum(),
        }
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("status", self.status.to_owned()),
            ("tenants", self.tenants.to_string()),
            ("placed", format!("{} of {}", self.placed, self.capacity)),
            ("weight", self.weight.to_string()),
            ("wave", self.wave.to_string()),
            ("table", self.table.to_owned()),
            ("queue", self.queue_url.to_owned()),
        ];
        let said = [("reason", self.reason), ("set by", self.updated_by), ("set at", self.updated_at.as_deref())];
        rows.extend(said.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned()))));
        let mut standbys: Vec<_> = self.standbys.iter().map(|(standby, count)| format!("{standby} {count}")).collect();
        if self.without_standby > 0 {
            standbys.push(format!("none {}", self.without_standby));
        }
        rows.push(("its tenants' standbys", standbys.join(", ")));
        rows.push(("stands by for", self.stands_by_for.to_string()));
        rows
    }
}

impl Show {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let listing = cells::list(deployment).await?;
        let Some(cell) = listing.cell(&self.cell) else {
            let known: Vec<&str> = listing.cells.iter().map(|cell| cell.id.as_str()).collect();
            let registry = deployment.registry();
            bail!("cell {} is not in the registry {registry}; these are: {}", self.cell, known.join(", "));
        };
        let shown = Shown::of(&listing, cell);
        match output {
            Output::Json => console.json(&shown)?,
            Output::Table => {
                let mut table = table(&["cell", self.cell.as_str()]);
                for (name, value) in shown.rows() {
                    table.add_row([name, &value]);
                }
                console.print(table)?;
            }
        }
        Ok(Completion::Done)
    }
}

//! `cellctl cells down`

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use cellstack_core::CellId;
use cellstack_core::limits::{CELL_LEASE, RETRY_AFTER_DOWN};
use cellstack_core::registry::CellStatus;
use cellstack_store::cells::Listing;
use clap::Args;
use serde::Serialize;

use crate::cells;
use crate::cli::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::health::AUTOMATION;
use crate::marking::{said, set, stated};
use crate::operator::Operator;

/// Mark a cell down: its tenants' standbys hold their new events, and nothing is sent to it
///
/// Says first how many tenants each standby is going to hold events for, and how many have none and get 503. Events that
/// land in the cell after the mark are found again when it is up.
/// Routers know within 10 s. A cell that cellctl cells probe --act has marked down is yours then: it stays down until you mark
/// it up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells down alpha --reason 'table throttled' --dry-run
  cellctl cells down alpha --reason 'table throttled'
  cellctl cells down alpha --reason 'zone lost' --retry-after 300")]
pub(super) struct Down {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    by: Operator,
    /// Seconds after which callers whose tenants have no standby may try again
    #[arg(long, value_name = "SECONDS", default_value_t = RETRY_AFTER_DOWN.as_secs() as u32, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    retry_after: u32,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The effect of a mark on a cell's tenants.
#[derive(Debug, Serialize)]
struct Effect<'a> {
    cell: &'a CellId,
    before: &'static str,
    after: &'static str,
    changed: bool,
    tenants: u64,
    /// Tenants whose new events are held, by standby.
    held_by: BTreeMap<&'a CellId, u64>,
    /// Tenants whose standby does not serve itself, by standby.
    standby_down: BTreeMap<&'a CellId, u64>,
    /// Tenants without a standby.
    without_standby: u64,
    retry_after: u32,
}

impl<'a> Effect<'a> {
    fn of(listing: &'a Listing, cell: &'a CellId, tenants: u64) -> Self {
        let serves = |standby: &CellId| listing.cell(standby).is_some_and(|cell| cell.status().serves());
        let (held_by, standby_down): (BTreeMap<_, _>, BTreeMap<_, _>) =
            listing.standbys(cell).partition(|(standby, _)| serves(standby));
        let with = held_by.values().chain(standby_down.values()).sum();
        let without_standby = tenants.saturating_sub(with);
        let (before, after, changed, retry_after) = ("", CellStatus::Down.as_str(), false, 0);
        Self { cell, before, after, changed, tenants, held_by, standby_down, without_standby, retry_after }
    }

    fn refused(&self) -> u64 {
        self.without_standby + self.standby_down.values().sum::<u64>()
    }

    fn print(&self, console: &mut Console) -> Result<()> {
        let mut table = table(&["standby", "tenants", "their new events are"]);
        for (standby, count) in &self.held_by {
            table.add_row([standby.as_str(), &count.to_string(), "held"]);
        }
        for (standby, count) in &self.standby_down {
            table.add_row([standby.as_str(), &count.to_string(), "refused (503): it does not serve itself"]);
        }
        if self.without_standby > 0 {
            table.add_row(["none", &self.without_standby.to_string(), "refused (503)"]);
        }
        console.print(table)
    }
}

impl Down {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let listing = cells::list(deployment).await?;
        let (cell, state) = stated(&listing, &self.cell)?;
        let before = state.status;
        let mut effect = Effect { retry_after: self.retry_after, ..Effect::of(&listing, &cell.id, state.tenants) };
        effect.before = before.as_str();
        // Automation brings back the cells that it has marked, unless an operator marks them down, too.
        let taken_over = state.updated_by.as_deref() == Some(AUTOMATION);
        if before == CellStatus::Down && !taken_over {
            console.say(format_args!("cell {} is down already, {}", self.cell, said(state)));
        } else if before == CellStatus::Retired {
            bail!("cell {} is retired; expected a cell that serves: `cellctl cells ls`", self.cell);
        } else {
            let seconds = Duration::from_secs(self.retry_after.into()).as_secs();
            console.say(format_args!(
                "cell {} is {} with {} tenants; down, {} of them get 503 with retry-after: {seconds}",
                self.cell,
                before.as_str(),
                state.tenants,
                effect.refused()
            ));
            if !self.dry_run {
                let seen = (&self.cell, before);
                set(deployment, &by, "cells down", seen, CellStatus::Down, Some(self.retry_after)).await?;
                effect.changed = true;
            }
        }
        match output {
            Output::Json => console.json(&effect)?,
            Output::Table => effect.print(console)?,
        }
        if effect.changed {
            console.say(format_args!(
                "cell {} is down; every router knows in {} s. When it is well: cellctl cells up {}",
                self.cell,
                CELL_LEASE.as_secs(),
                self.cell
            ));
        }
        Ok(Completion::Done)
    }
}

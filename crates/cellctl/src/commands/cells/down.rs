//! `cellctl cells down`

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use cellstack_core::CellId;
use cellstack_core::limits::CELL_LEASE;
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_store::cells::Listing;
use clap::Args;
use serde::Serialize;

use crate::cells;
use crate::cells::marking::{Change, retry_after_down, said, set, stated};
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::duration;
use crate::health::AUTOMATION;
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
  cellctl cells down alpha --reason 'zone lost' --retry-after 5m")]
pub(super) struct Down {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    by: Operator,
    /// Time after which callers whose tenants have no standby may try again, from 1s to 24h [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    retry_after: Option<u32>,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Reads the time that a `Retry-After` header takes: whole seconds.
fn seconds(text: &str) -> Result<u32, String> {
    let time = duration::parse(text)?;
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    if time.subsec_millis() > 0 || !(1..=86_400).contains(&seconds) {
        return Err("expected whole seconds, from 1s to 24h".to_owned());
    }
    Ok(seconds)
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
    fn of(listing: &'a Listing, cell: &'a CellId, state: &CellState, retry_after: u32) -> Self {
        let serves = |standby: &CellId| listing.cell(standby).is_some_and(|cell| cell.status().serves());
        let (held_by, standby_down): (BTreeMap<_, _>, BTreeMap<_, _>) =
            listing.standbys(cell).partition(|(standby, _)| serves(standby));
        let with = held_by.values().chain(standby_down.values()).sum();
        Self {
            cell,
            before: state.status.as_str(),
            after: CellStatus::Down.as_str(),
            changed: false,
            tenants: state.tenants,
            held_by,
            standby_down,
            without_standby: state.tenants.saturating_sub(with),
            retry_after,
        }
    }

    fn say(&self, state: &CellState, console: &mut Console) {
        let Self { cell, before, tenants, retry_after, .. } = self;
        let refused = self.refused();
        if state.status == CellStatus::Down {
            console.say(format_args!(
                "cell {cell} is down already, {}; {refused} of its {tenants} tenants get 503",
                said(state)
            ));
        } else {
            console.say(format_args!(
                "cell {cell} is {before} with {tenants} tenants; down, {refused} of them get 503 with retry-after: \
                 {retry_after}"
            ));
        }
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
        if before == CellStatus::Retired {
            bail!("cell {} is retired; expected a cell that serves: `cellctl cells ls`", self.cell);
        }
        let is_down = before == CellStatus::Down;
        let present = state.retry_after.filter(|_| is_down);
        let retry_after = self.retry_after.or(present).unwrap_or_else(retry_after_down);
        let mut effect = Effect::of(&listing, &cell.id, state, retry_after);
        effect.say(state, console);
        if output == Output::Table {
            effect.print(console)?;
        }
        // Automation brings back the cells that it has marked, unless an operator marks them down, too.
        let by_automation = state.updated_by.as_deref() == Some(AUTOMATION);
        let as_wanted = is_down && !by_automation && self.retry_after.is_none_or(|wanted| present == Some(wanted));
        if as_wanted {
            console.say("nothing to change");
        } else if !self.dry_run {
            let down = Change::new(&self.cell, state, CellStatus::Down);
            set(deployment, &by, "cells down", &Change { retry_after: Some(retry_after), ..down }).await?;
            effect.changed = true;
        }
        if output == Output::Json {
            console.json(&effect)?;
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

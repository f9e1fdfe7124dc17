//! `cellctl cells up`

use anyhow::{Result, bail};
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use clap::Args;
use serde::Serialize;

use crate::cells;
use crate::cells::homecoming::Homecoming;
use crate::cells::marking::{said, stated};
use crate::cells::recovery::Recovery;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::operator::Operator;

/// Mark a cell up: the events that standbys hold are carried home, then it takes new ones
///
/// The cell is recovering first: it is read, and new events still go to the standbys, while what they hold is carried home
/// under its own ids and processed there. Then the cell is active, and what routers wrote into standbys until they knew is
/// carried as well. Takes 40 s at least. Run it again if it is interrupted: it continues from where it was.
///
/// The last step does not keep order: a new event may be processed before one that is still held, also in a cell with
/// ordering = "tenant".
///
/// In the end the registry records that all is home, and routers ask standbys no more. Exit code 3 if a standby still holds
/// something, as for a tenant that is being moved: run it again then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells up alpha --reason 'throttle is over' --dry-run
  cellctl cells up alpha --reason 'throttle is over'")]
pub(super) struct Up {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    by: Operator,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The result, for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    cell: &'a CellId,
    before: &'static str,
    after: &'static str,
    /// Tenants of the cell that have a standby.
    tenants_with_standby: u64,
    /// Events that standbys held when the run began.
    held: u64,
    /// Events that came home.
    carried: u64,
    /// Events that the cell had already.
    known: u64,
    /// The events and entries that are not known to be home.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<&'a str>,
}

impl Up {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let listing = cells::list(deployment).await?;
        let (_, state) = stated(&listing, &self.cell)?;
        let before = state.status;
        console.say(format_args!("cell {} is {}, {}", self.cell, before.as_str(), said(state)));
        if before == CellStatus::Retired {
            bail!(
                "cell {} is retired; expected one that is down: stamp a cell of another name, and bootstrap it",
                self.cell
            );
        }
        let homes = Homecoming::read(deployment, &self.cell).await?;
        let (mut tenants_with_standby, mut held) = (0, 0);
        let mut standbys = table(&["standby", "tenants", "events held"]);
        for (standby, (tenants, events)) in homes.held().await? {
            (tenants_with_standby, held) = (tenants_with_standby + tenants, held + events);
            standbys.add_row([standby.as_str(), &tenants.to_string(), &events.to_string()]);
        }
        if output == Output::Table {
            console.print(standbys)?;
        }
        for reason in &homes.unreadable {
            console.say(format_args!("left out: {reason}"));
        }
        let mut is_whole = homes.unreadable.is_empty();
        let mut recovery = Recovery::new(deployment, (&by, "cells up"), &self.cell, state);
        if before == CellStatus::Active && !state.may_be_held_for() && held == 0 {
            console.say("nothing to change");
        } else if self.dry_run {
            say_plan(&self.cell, before, held, console);
        } else {
            recovery.run(state, homes, console).await?;
            is_whole &= recovery.left().is_none();
        }
        let report = Report {
            cell: &self.cell,
            before: before.as_str(),
            after: recovery.status().as_str(),
            tenants_with_standby,
            held,
            carried: recovery.carried().new,
            known: recovery.carried().known,
            left: recovery.left(),
        };
        if output == Output::Json {
            console.json(&report)?;
        }
        Ok(Completion::of(is_whole && !deployment.stop().is_cancelled()))
    }
}

fn say_plan(cell: &CellId, status: CellStatus, held: u64, console: &mut Console) {
    console.say(match status {
        CellStatus::Active => format!("cell {cell} would stay active; {held} held events would be carried home"),
        CellStatus::Full | CellStatus::Draining => {
            format!("cell {cell} would be active and take new tenants; {held} held events would be carried home")
        }
        _ => format!("cell {cell} would be recovering until {held} held events are home, then active"),
    });
}

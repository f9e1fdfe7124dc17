//! `cellctl cells up`

use std::time::Duration;

use anyhow::{Result, bail};
use cellstack_core::limits::{CELL_LEASE, LONGEST_WRITE};
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_core::{CellId, Clock as _};
use cellstack_store::carry::Carried;
use clap::Args;
use serde::Serialize;

use crate::audit::{self, Facts};
use crate::cells;
use crate::cli::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::homecoming::{Homecoming, wait};
use crate::marking::{change, facts, said, stated};
use crate::operator::{Operator, Signature};

/// Mark a cell up: the events that standbys hold are carried home, then it takes new ones
///
/// The cell is recovering first: it is read, and new events still go to the standbys, while what they hold is carried home
/// under its own ids and processed there. Then the cell is active, and what routers wrote into standbys until they knew is
/// carried as well. Takes 40 s at least. Run it again if it is interrupted: it goes on from where it was.
///
/// The last step does not keep order: a new event may be processed before one that is still held, also in a cell with
/// ordering = "tenant".
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

/// Time after which every router knows of a mark, and no write is under way that was decided before.
const KNOWN: Duration = CELL_LEASE.saturating_add(LONGEST_WRITE);

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
}

/// A run, and its progress.
struct Run<'a> {
    deployment: &'a Deployment,
    by: &'a Signature,
    cell: &'a CellId,
    status: CellStatus,
    /// The time of the last mark, in milliseconds since the Unix epoch.
    since: u64,
    carried: Carried,
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
        let all_read = homes.unreadable.is_empty();
        let mut run = Run {
            deployment,
            by: &by,
            cell: &self.cell,
            status: before,
            since: state.updated_at.unwrap_or_default(),
            carried: Carried::default(),
        };
        if before == CellStatus::Active && state.down_at.is_none() {
            console.say("nothing to change");
        } else if self.dry_run {
            run.say_plan(held, console);
        } else {
            run.on_record(state, homes, console).await?;
        }
        let report = Report {
            cell: &self.cell,
            before: before.as_str(),
            after: run.status.as_str(),
            tenants_with_standby,
            held,
            carried: run.carried.new,
            known: run.carried.known,
        };
        if output == Output::Json {
            console.json(&report)?;
        }
        Ok(Completion::of(all_read && !deployment.stop().is_cancelled()))
    }
}

impl Run<'_> {
    fn say_plan(&self, held: u64, console: &mut Console) {
        let cell = self.cell;
        console.say(match self.status {
            CellStatus::Active => format!("cell {cell} would stay active; {held} held events would be carried home"),
            CellStatus::Full | CellStatus::Draining => {
                format!("cell {cell} would be active and take new tenants; {held} held events would be carried home")
            }
            _ => format!("cell {cell} would be recovering until {held} held events are home, then active"),
        });
    }

    /// Runs, and records beginning and end.
    async fn on_record(&mut self, state: &CellState, homes: Homecoming<'_>, console: &mut Console) -> Result<()> {
        let record =
            audit::begin(self.deployment, self.by, "cells up", self.cell.to_string(), facts(state.status)).await?;
        let ran = self.all(state, homes, console).await;
        let mut troubles: Vec<String> = ran.as_ref().err().map(|error| format!("{error:#}")).into_iter().collect();
        if self.deployment.stop().is_cancelled() {
            troubles.push("stopped by the operator".to_owned());
            console.say(format_args!(
                "stopped; cell {0} is {1}: cellctl cells up {0} goes on from there",
                self.cell,
                self.status.as_str()
            ));
        }
        let Carried { new, known } = self.carried;
        record.end(facts(self.status), Facts::default().count("carried", new).count("known", known), &troubles).await?;
        ran
    }

    async fn all(&mut self, state: &CellState, homes: Homecoming<'_>, console: &mut Console) -> Result<()> {
        let cell = self.cell;
        if self.status == CellStatus::Down {
            self.mark(CellStatus::Recovering).await?;
            console.say(format_args!("cell {cell} is recovering: it is read, and standbys hold new events"));
        }
        if self.status == CellStatus::Recovering {
            homes.rounds(&mut self.carried, console).await?;
            console
                .say(format_args!("{} events came home, {} were there already", self.carried.new, self.carried.known));
            self.until_known().await;
        }
        if self.is_stopped() {
            return Ok(());
        }
        if self.status != CellStatus::Active {
            let was = self.status;
            self.mark(CellStatus::Active).await?;
            console.say(format_args!("cell {cell} was {} and is active: it takes new tenants", was.as_str()));
        }
        if state.down_at.is_none() {
            return Ok(());
        }
        // Until every router knows, some write into standbys.
        self.until_known().await;
        if self.is_stopped() {
            return Ok(());
        }
        // A standby may have been appointed meanwhile.
        let homes = Homecoming::read(self.deployment, cell).await?;
        homes.round(&mut self.carried, console).await?;
        if !self.is_stopped() {
            let Carried { new, known } = self.carried;
            console.say(format_args!("cell {cell} is up: {new} events came home, {known} were there already"));
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.deployment.stop().is_cancelled()
    }

    async fn mark(&mut self, status: CellStatus) -> Result<()> {
        change(self.deployment, self.by, (self.cell, self.status), status, None).await?;
        // The mark of a cell that served already changes nothing for the standbys.
        if !self.status.serves() {
            self.since = self.deployment.clock.wall_ms();
        }
        self.status = status;
        Ok(())
    }

    /// Waits until every router knows of the last mark.
    async fn until_known(&self) {
        let passed = self.deployment.clock.wall_ms().saturating_sub(self.since);
        wait(self.deployment, KNOWN.saturating_sub(Duration::from_millis(passed))).await;
    }
}

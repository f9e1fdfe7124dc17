//! `cellctl cells drain`

use std::path::PathBuf;

use anyhow::{Result, bail};
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use cellstack_placement::plan::drain;
use clap::Args;

use crate::cells;
use crate::cells::marking::{Change, said, set, stated};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::operator::Operator;
use crate::planning::plans::{Saved, Surveyed, check_paths, show};

/// Close a cell to new tenants, and plan where its tenants go
///
/// The cell is draining: it serves, and takes no tenants. The plan moves each of its tenants where a new one would go, the
/// heaviest first, and gives another standby to those of other cells that have it as theirs. Nothing moves: the plan is shown,
/// and kept with --plan. Exit code 3 if a tenant can't leave: a message names it and the reason.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells drain alpha --reason 'too old' --dry-run
  cellctl cells drain alpha --reason 'too old' --plan drain-alpha.json
  cellctl plan show drain-alpha.json")]
pub(super) struct Drain {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    by: Operator,
    /// Keep the plan in this file
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Draw the cells before and after the plan into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Show the plan, and leave the cell open
    #[arg(long)]
    dry_run: bool,
}

impl Drain {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        check_paths(self.plan.as_deref(), self.svg.as_deref())?;
        let listing = cells::list(deployment).await?;
        let (_, state) = stated(&listing, &self.cell)?;
        match state.status {
            CellStatus::Active | CellStatus::Full if self.dry_run => {
                console.say(format_args!("cell {} would be draining", self.cell));
            }
            CellStatus::Active | CellStatus::Full => {
                let order = Change::new(&self.cell, state, CellStatus::Draining);
                set(deployment, &by, "cells drain", &order).await?;
                console.say(format_args!("cell {} is draining: it serves, and takes no tenants", self.cell));
            }
            CellStatus::Draining => console.say(format_args!("cell {} is draining, {}", self.cell, said(state))),
            found => bail!(
                "cell {} is {}; expected one that serves: `cellctl cells up {}`, or move its tenants out of a cell that \
                 is down when it is up again",
                self.cell,
                found.as_str(),
                self.cell
            ),
        }
        // The cell is closed by now: no tenant is placed in it behind the read.
        let surveyed = Surveyed::read(deployment).await?;
        let plan = drain(&surveyed.world.fleet, &surveyed.tenants, &self.cell)?;
        show(&plan, output, self.svg.as_deref(), console)?;
        let all_leave = plan.left.is_empty();
        if let Some(path) = &self.plan {
            Saved::new(deployment, &by.operator, plan).write(path)?;
            console.say(format_args!("kept in {}", path.display()));
        }
        Ok(Completion::of(all_leave))
    }
}

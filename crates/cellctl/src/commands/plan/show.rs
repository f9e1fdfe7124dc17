//! `cellctl plan show`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::planning::plans::{self, Saved, Surveyed};

/// Show a plan, and whether it still fits the world
///
/// A plan is refused when a tenant of it has changed its cell, standby or epoch since, is pinned or being moved, or when a cell
/// has another status. Exit code 1 then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl plan show drain-alpha.json
  cellctl plan show drain-alpha.json --svg drain-alpha.svg
  cellctl plan show drain-alpha.json --output json")]
pub(super) struct Show {
    /// The plan
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Draw the cells before and after the plan into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Changes that are named in a refusal.
const NAMED: usize = 10;

impl Show {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let saved = Saved::read(&self.file, deployment)?;
        plans::show(&saved.plan, output, self.svg.as_deref(), console)?;
        console.say(format_args!("made at {} by {}", saved.made_at, saved.made_by));
        let surveyed = Surveyed::read(deployment).await?;
        let changed = saved.plan.check(&surveyed.world.fleet, &surveyed.tenants);
        if changed.is_empty() {
            console.say("it fits: nothing that it stands on has changed");
            return Ok(Completion::Done);
        }
        for change in changed.iter().take(NAMED) {
            console.say(format_args!("changed: {change}"));
        }
        bail!("{} things have changed since the plan was made; make it anew", changed.len());
    }
}

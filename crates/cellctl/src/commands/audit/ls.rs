//! `cellctl audit ls`

use std::time::Duration;

use anyhow::Result;
use cellstack_core::Clock as _;
use clap::Args;

use crate::audit::{Run, runs};
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::duration;

/// List runs of commands, the latest first
///
/// A run without an end was killed, or is still running.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl audit ls
  cellctl audit ls --since 1h
  cellctl audit ls --what cells --limit 5 --output json")]
pub(super) struct Ls {
    /// Runs at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only commands that begin with this, as in cells or 'dlq redrive'
    #[arg(long, value_name = "COMMAND", default_value = "")]
    what: String,
    /// Only runs that began within this time, for example 30m or 1h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    since: Option<Duration>,
}

impl Ls {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let ago = self.since.map_or(u64::MAX, |ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX));
        let since = deployment.clock.wall_ms().saturating_sub(ago);
        let runs = runs(deployment, limit, since, |run| run.what.starts_with(&self.what)).await?;
        match output {
            Output::Json => console.json(&runs)?,
            Output::Table => {
                let mut table = table(&["at", "who", "what", "scope", "why", "outcome", "troubles"]);
                for Run { at, who, what, scope, why, outcome, troubles, .. } in &runs {
                    let troubles = troubles.len().to_string();
                    table.add_row([at, who, what, scope, why, outcome.as_str(), &troubles]);
                }
                console.print(table)?;
            }
        }
        Ok(Completion::Done)
    }
}

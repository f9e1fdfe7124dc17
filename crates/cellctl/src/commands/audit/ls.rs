//! `cellctl audit ls`

use anyhow::Result;
use clap::Args;

use crate::audit::{Run, runs};
use crate::cli::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;

/// List runs of commands, the latest first
///
/// A run without an end was killed, or is still going on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl audit ls
  cellctl audit ls --what cells --limit 5 --output json")]
pub(super) struct Ls {
    /// Runs at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only commands that begin with this, as in cells or 'dlq redrive'
    #[arg(long, value_name = "COMMAND", default_value = "")]
    what: String,
}

impl Ls {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let runs = runs(deployment, limit, |run| run.what.starts_with(&self.what)).await?;
        match output {
            Output::Json => console.json(&runs)?,
            Output::Table => {
                let mut table = table(&["at", "who", "what", "scope", "why", "outcome"]);
                for Run { at, who, what, scope, why, outcome, .. } in &runs {
                    table.add_row([at, who, what, scope, why, outcome.as_str()]);
                }
                console.print(table)?;
            }
        }
        Ok(Completion::Done)
    }
}

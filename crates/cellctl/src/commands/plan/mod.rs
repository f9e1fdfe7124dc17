//! `cellctl plan`

mod show;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Inspect plans that cells drain and rebalance have kept
#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Show(show::Show),
}

impl PlanCommand {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Show(show) => show.run(deployment, output, console).await,
        }
    }
}

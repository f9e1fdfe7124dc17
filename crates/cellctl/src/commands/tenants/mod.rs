//! `cellctl tenants`

mod ls;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Place tenants in cells, show where they are, and change how they are kept
#[derive(Debug, Args)]
pub(crate) struct Tenants {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(ls::Ls),
    Show(show::Show),
}

impl Tenants {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Ls(ls) => ls.run(deployment, output, console).await,
            Verb::Show(show) => show.run(deployment, output, console).await,
        }
    }
}

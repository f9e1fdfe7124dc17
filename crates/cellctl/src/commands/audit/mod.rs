//! `cellctl audit`

mod ls;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Show who did what, and why
///
/// Every command that changes something leaves an entry in the registry before its first change, and another when it ends.
/// Entries are never changed.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(ls::Ls),
}

impl Audit {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Ls(ls) => ls.run(deployment, output, console).await,
        }
    }
}

//! `cellctl snapshot`

mod show;
mod summary;
mod write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// The tenant map as an object, for routers that start while the map is out of reach: write, show
///
/// A router that is told where the snapshot lies (CELLSTACK_SNAPSHOT) turns to it when the map can't be read and its own
/// cache does not have the tenant. What it finds counts as stale, so each write checks the cell's fence; a tenant that it
/// does not find is asked to come again (503), never taken for unknown.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Write(write::Write),
    Show(show::Show),
}

impl Snapshot {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Write(write) => write.run(deployment, output, console).await,
            Verb::Show(show) => show.run(deployment, output, console).await,
        }
    }
}

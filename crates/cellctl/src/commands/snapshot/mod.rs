//! `cellctl snapshot`

mod scan;
mod show;
mod summary;
mod write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Write and show snapshots of the tenant map, for routers that start while the map is out of reach
///
/// A router reads the snapshot that CELLSTACK_SNAPSHOT names when the map can't be read and its own cache does not have
/// the tenant. A route from a snapshot counts as stale, so each write checks the cell's fence. A tenant that the
/// snapshot lacks is never taken for unknown: its request gets 503 and may be sent again.
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

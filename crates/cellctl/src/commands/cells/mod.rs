//! `cellctl cells`

mod bootstrap;
mod down;
mod drain;
mod ls;
mod probe;
mod recount;
mod retire;
mod show;
mod sync;
mod up;

pub(crate) use ls::strays;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// List cells, mark them down and up, and take them from their first tenant to their last
///
/// Terraform stamps a cell and owns its configuration (table, queues, capacity, weight). cellctl owns its state: the status
/// and the tenants that are counted into it.
#[derive(Debug, Args)]
pub(crate) struct Cells {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(ls::Ls),
    Show(show::Show),
    Bootstrap(bootstrap::Bootstrap),
    Probe(probe::ProbeCells),
    Down(down::Down),
    Up(up::Up),
    Drain(drain::Drain),
    Retire(retire::Retire),
    Sync(sync::Sync),
    Recount(recount::Recount),
}

impl Cells {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Ls(ls) => ls.run(deployment, output, console).await,
            Verb::Show(show) => show.run(deployment, output, console).await,
            Verb::Bootstrap(bootstrap) => bootstrap.run(deployment, output, console).await,
            Verb::Probe(probe) => probe.run(deployment, output, console).await,
            Verb::Down(down) => down.run(deployment, output, console).await,
            Verb::Drain(drain) => drain.run(deployment, output, console).await,
            Verb::Up(up) => up.run(deployment, output, console).await,
            Verb::Retire(retire) => retire.run(deployment, output, console).await,
            Verb::Sync(sync) => sync.run(deployment, output, console).await,
            Verb::Recount(recount) => recount.run(deployment, output, console).await,
        }
    }
}

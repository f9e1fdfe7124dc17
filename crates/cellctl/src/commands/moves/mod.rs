//! `cellctl moves`

mod abort;
mod back;
mod ls;
mod pause;
mod purge;
mod resume;
mod run;
mod show;

use anyhow::{Result, bail};
use cellstack_store::moves::{MoveId, MoveRecord, one};
use clap::{Args, Subcommand};

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Inspect, resume, undo and purge moves of tenants, and run plans
#[derive(Debug, Args)]
pub(crate) struct Moves {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(ls::Ls),
    Show(show::Show),
    Resume(resume::Resume),
    Abort(abort::Abort),
    Back(back::Back),
    Purge(purge::Purge),
    Run(run::Run),
    Pause(pause::Pause),
    Unpause(pause::Unpause),
}

impl Moves {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Ls(ls) => ls.run(deployment, output, console).await,
            Verb::Show(show) => show.run(deployment, output, console).await,
            Verb::Resume(resume) => resume.run(deployment, output, console).await,
            Verb::Abort(abort) => abort.run(deployment, output, console).await,
            Verb::Back(back) => back.run(deployment, output, console).await,
            Verb::Purge(purge) => purge.run(deployment, output, console).await,
            Verb::Run(run) => run.run(deployment, output, console).await,
            Verb::Pause(pause) => pause.run(deployment, output, console).await,
            Verb::Unpause(unpause) => unpause.run(deployment, output, console).await,
        }
    }
}

/// Reads the record of a move.
async fn read(deployment: &Deployment, id: MoveId) -> Result<MoveRecord> {
    match one(&deployment.dynamodb, &deployment.registry(), id).await? {
        Some(record) => Ok(record),
        None => bail!("no move {id} is on record; `cellctl moves ls` lists those that are"),
    }
}

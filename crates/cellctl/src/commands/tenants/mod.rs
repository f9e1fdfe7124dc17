//! `cellctl tenants`

mod erase;
mod export;
mod ls;
mod move_to;
mod overlap;
mod pin;
mod place;
mod set_standby;
mod show;
mod unplace;
mod usage;
mod verify_export;

pub(crate) use move_to::{Passage, go_on, standby};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::completion::Completion;
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
    Place(place::Place),
    SetStandby(set_standby::SetStandby),
    Pin(pin::Pin),
    Unpin(pin::Unpin),
    Unplace(unplace::Unplace),
    #[command(name = "move")]
    MoveTo(move_to::MoveTo),
    Overlap(overlap::OverlapCommand),
    Usage(usage::UsageCommand),
    Export(export::Export),
    VerifyExport(verify_export::VerifyExport),
    Erase(erase::Erase),
}

impl Tenants {
    /// Runs the verb if it needs no deployment.
    pub(crate) fn run_offline(&self, output: Output, console: &mut Console) -> Option<Result<Completion>> {
        match &self.verb {
            Verb::VerifyExport(verify) => Some(verify.run(output, console)),
            _ => None,
        }
    }

    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Ls(ls) => ls.run(deployment, output, console).await,
            Verb::Show(show) => show.run(deployment, output, console).await,
            Verb::Place(place) => place.run(deployment, output, console).await,
            Verb::SetStandby(set) => set.run(deployment, output, console).await,
            Verb::Pin(pin) => pin.run(deployment, output, console).await,
            Verb::Unpin(unpin) => unpin.run(deployment, output, console).await,
            Verb::MoveTo(move_to) => move_to.run(deployment, output, console).await,
            Verb::Overlap(overlap) => overlap.run(deployment, output, console).await,
            Verb::Usage(usage) => usage.run(deployment, output, console).await,
            Verb::Unplace(unplace) => unplace.run(deployment, output, console).await,
            Verb::Export(export) => export.run(deployment, output, console).await,
            Verb::VerifyExport(verify) => verify.run(output, console),
            Verb::Erase(erase) => erase.run(deployment, output, console).await,
        }
    }
}

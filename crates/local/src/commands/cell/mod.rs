//! `cellstack-local cell`

mod add;
mod ls;
mod rm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Add a cell to a served stack, list its cells, and remove one
///
/// The stack is one that `cellstack-local serve` serves on this machine. These commands stand for `terraform apply`:
/// they create and delete a cell's resources, and leave its service to cellctl.
#[derive(Args)]
pub(crate) struct CellCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(add::Add),
    Ls(ls::Ls),
    Rm(rm::Rm),
}

impl CellCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Add(add) => add.run().await?,
            Command::Ls(ls) => ls.run().await?,
            Command::Rm(rm) => rm.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

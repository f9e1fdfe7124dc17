//! `cellstack-local fault`

mod add;
mod clear;
mod ls;

use std::process::ExitCode;

use anyhow::Result;
use cellstack_embedded::faults::Posted;
use clap::{Args, Subcommand};

use super::duration;

/// Take a served stack's cell down, slow it, throttle it, and bring it back
///
/// The stack is one that `cellstack-local serve` serves on this machine. Its own output shows when each fault begins
/// and ends, and what happens to the cell's events meanwhile.
#[derive(Args)]
pub(crate) struct FaultCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(add::Add),
    Ls(ls::Ls),
    Clear(clear::Clear),
}

impl FaultCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Add(add) => add.run().await?,
            Command::Ls(ls) => ls.run().await?,
            Command::Clear(clear) => clear.run().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Describes a fault in words: its cell, its kind, and its other options.
pub(crate) fn describe(fault: &Posted) -> String {
    let order = &fault.order;
    let mut text = format!("{:<6}  {}", order.cell.as_str(), order.kind);
    if let Some(ms) = order.latency_ms {
        text.push_str(&format!(" of {}", duration::show(ms)));
    }
    if let Some(probability) = order.probability {
        text.push_str(&format!(" with probability {probability}"));
    }
    text
}

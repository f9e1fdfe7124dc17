//! Figures that need no clock: system calls, instructions, sizes.

mod instructions;
mod syscalls;
mod zips;

use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::trial::Trial;

pub(crate) use instructions::instructions;
pub(crate) use syscalls::{Syscalls, syscalls};
pub(crate) use zips::{Zip, zips};

/// Invokes of the two runs whose difference is that of warm invokes alone.
const FEW: usize = 100;
const MANY: usize = 600;

/// A figure, or the reason why there is none.
pub(crate) type Probed<T> = std::result::Result<T, String>;

/// Returns whether a program is installed.
async fn is_there(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    asked.is_ok_and(|status| status.success())
}

/// Ends a traced process so that its tracer can still print its summary.
async fn terminate(process: u32, trial: &mut Trial) -> Result<()> {
    let told = Command::new("sh").args(["-c", &format!("kill -TERM {process}")]).status().await;
    told.context("send SIGTERM")?;
    trial.ended().await
}

//! The commands of `cellstack-local`.

pub(crate) mod cell;
pub(crate) mod demo;
mod duration;
mod endpoint;
pub(crate) mod fault;
pub(crate) mod fuzz;
mod record;
mod scenario;
pub(crate) mod serve;
pub(crate) mod simulate;
mod size;

use std::io::Write as _;

/// Writes an error to standard error; data goes to standard output.
pub(crate) fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}

/// Writes data to standard output. A reader that went away is not our error.
pub(crate) fn print(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
    let _ = std::io::stdout().flush();
}

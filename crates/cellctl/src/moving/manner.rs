//! The manner in which a tenant is moved.

use std::time::Duration;

use clap::Args;

use crate::duration;
use crate::write_units::WriteUnits;

/// Options of every move.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Manner {
    #[command(flatten)]
    pub(crate) write_units: WriteUnits,
    /// Writes of the copy at once
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) at_once: u16,
    /// The longest time for which the source may process what it has, while callers wait
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) drain_time: Duration,
    /// Hand over what the source has not processed by then. Without it the move is aborted
    #[arg(long)]
    pub(crate) carry_pending: bool,
    /// The time for which the source's copy is kept
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration::parse)]
    pub(crate) retain: Duration,
}

impl Manner {
    /// Returns the number of writes at once.
    pub(crate) fn at_once(&self) -> usize {
        self.at_once.into()
    }
}

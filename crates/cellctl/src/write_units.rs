//! The write units that a command takes of a cell.

use cellstack_store::RateLimit;
use clap::Args;

/// The option of commands that copy or delete many items.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WriteUnits {
    /// Write units per second, at most. A partition takes 1,000, and tenants need some of them
    #[arg(long = "write-units", value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) per_second: u32,
}

impl WriteUnits {
    /// Returns the limit that so many writes at once share.
    pub(crate) const fn limit(self, at_once: usize) -> RateLimit {
        RateLimit::new(self.per_second, at_once)
    }
}

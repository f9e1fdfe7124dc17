//! `cellstack-local fault clear`

use anyhow::Result;
use cellstack_embedded::admin::FAULTS;
use cellstack_embedded::faults::Cleared;
use clap::Args;
use http::Method;

use super::describe;
use crate::commands::endpoint::Endpoint;
use crate::commands::print;

/// Clear a fault of a served stack, or all of them
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local fault clear --all")]
pub(super) struct Clear {
    /// The fault's number, as fault ls shows it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<u64>,
    /// Clear all faults
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Clear {
    pub(super) async fn run(self) -> Result<()> {
        let path = self.id.map_or_else(|| FAULTS.to_owned(), |id| format!("{FAULTS}/{id}"));
        let Cleared { cleared } = self.endpoint.ask(Method::DELETE, &path, Vec::new()).await?;
        if cleared.is_empty() {
            print("no faults");
        }
        for fault in cleared {
            print(format_args!("cleared {}: {}", fault.id, describe(&fault)));
        }
        Ok(())
    }
}

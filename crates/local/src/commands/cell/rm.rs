//! `cellstack-local cell rm`

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_embedded::admin::CELLS;
use clap::Args;
use http::Method;

use crate::commands::endpoint::Endpoint;
use crate::commands::print;

/// Remove a retired cell from a served stack
///
/// Ends its functions, deletes its table, queues and topic, and takes it out of the registry, which keeps a mark of it.
/// Refused unless `cellctl cells retire` has retired it, and for the only cell of a stack.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local cell rm epsilon")]
pub(super) struct Rm {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Rm {
    pub(super) async fn run(self) -> Result<()> {
        let path = format!("{CELLS}/{}", self.cell);
        let () = self.endpoint.ask(Method::DELETE, &path, Vec::new()).await?;
        print(format_args!("cell {} removed", self.cell));
        Ok(())
    }
}

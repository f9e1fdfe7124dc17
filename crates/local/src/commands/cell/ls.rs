//! `cellstack-local cell ls`

use anyhow::Result;
use cellstack_embedded::admin::CELLS;
use cellstack_embedded::cells::Posted;
use clap::Args;
use http::Method;

use crate::commands::endpoint::Endpoint;
use crate::commands::print;

/// List the cells of a served stack
///
/// Prints one line per cell: its id, its status, its capacity and its weight. A cell that was never bootstrapped is
/// `new`.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local cell ls
  cellstack-local cell ls --endpoint http://127.0.0.1:4566")]
pub(super) struct Ls {
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Ls {
    pub(super) async fn run(self) -> Result<()> {
        let cells: Vec<Posted> = self.endpoint.ask(Method::GET, CELLS, Vec::new()).await?;
        print(format_args!("{:<12}  {:<10}  {:<8}  WEIGHT", "CELL", "STATUS", "CAPACITY"));
        for Posted { order, status } in cells {
            let (cell, status) = (order.cell.as_str(), status.as_deref().unwrap_or("new"));
            print(format_args!("{cell:<12}  {status:<10}  {:<8}  {}", order.capacity, order.weight));
        }
        Ok(())
    }
}

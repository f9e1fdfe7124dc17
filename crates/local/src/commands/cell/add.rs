//! `cellstack-local cell add`

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_embedded::admin::CELLS;
use cellstack_embedded::cells::{DEFAULT_CAPACITY, DEFAULT_WEIGHT, Order, Posted};
use clap::Args;
use http::Method;

use crate::commands::endpoint::Endpoint;
use crate::commands::print;

/// Add a cell to a served stack
///
/// Creates its table, queues, topic and functions, and registers it. It takes no tenants before `cellctl cells
/// bootstrap`. A stack has 64 cells at most; the id of a cell that was removed is not given again. With `serve --data`,
/// the cell is there after a restart, too.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local cell add epsilon
  cellstack-local cell add zeta --capacity 50 --weight 10")]
pub(super) struct Add {
    /// The new cell's id
    #[arg(value_name = "CELL")]
    cell: CellId,
    /// The weights of tenants that it takes, in sum; 0 takes none
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CAPACITY)]
    capacity: u64,
    /// Its share of new tenants, in proportion to that of the other cells; 0 takes none
    #[arg(long, value_name = "N", default_value_t = DEFAULT_WEIGHT)]
    weight: u64,
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Add {
    pub(super) async fn run(self) -> Result<()> {
        let order = Order { cell: self.cell, capacity: self.capacity, weight: self.weight };
        let Posted { order, .. } = self.endpoint.ask(Method::POST, CELLS, serde_json::to_vec(&order)?).await?;
        let Order { cell, capacity, weight } = order;
        print(format_args!(
            "cell {cell} added, capacity {capacity}, weight {weight}. Next: cellctl cells bootstrap {cell}"
        ));
        Ok(())
    }
}

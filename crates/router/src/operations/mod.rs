//! The operations of the API, each from its tenant to its response.

mod batch;
mod fenced_waits;
mod first_sight;
mod list;
mod post;
mod read;
mod route;
mod wait;

pub(crate) use fenced_waits::FencedWaits;

use std::time::Duration;

use cellstack_core::limits::RETRY_AFTER_DOWN;
use cellstack_core::registry::CellRecord;

use crate::http::problem::Problem;

/// Reports the status that the tenant's cell is marked with. The operator may have said when to try again.
fn marked(cell: &CellRecord) -> Problem {
    let after = cell.retry_after.map_or(RETRY_AFTER_DOWN, |seconds| Duration::from_secs(seconds.into()));
    Problem::lasting(format!("The tenant's cell is marked {}.", cell.status.as_str()), after)
}

//! The operations of the API, each from its tenant to its response.

mod batch;
mod list;
mod post;
mod read;
mod route;
mod wait;

use cellstack_core::registry::CellStatus;

use crate::http::problem::Problem;

/// Reports the status that the tenant's cell is marked with.
fn marked(status: CellStatus) -> Problem {
    Problem::lasting(format!("The tenant's cell is marked {}.", status.as_str()))
}

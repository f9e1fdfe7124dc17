//! The cells and their counts, as the registry records them, for tools that operate them.

mod listing;
mod state;

pub use listing::{Cell, CellConfig, Listing, list, one};
pub use state::{Counts, Mark, StateError, create_state, mark, set_counts, set_health, set_pair};

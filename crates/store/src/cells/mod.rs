//! The cells and their counts, as the registry records them, for tools that operate them.

mod health;
mod listing;
mod state;
mod turn;

pub use health::count_health;
pub use listing::{Cell, CellConfig, Listing, list, one};
pub use state::{Counts, Mark, StateError, create_state, mark, set_counts, set_pair};
pub use turn::{Look, TURN_LEASE, Turn, finish_turn, is_unfinished, leave_turn, mark_in_turn, renew_turn, take_turn};

//! The cells and their counts, as the registry records them, for tools that operate them.

mod health;
mod lease;
mod listing;
mod state;

pub use health::count_health;
pub use lease::{
    LEASE_TIME, Lease, finish_lease, is_unfinished, leave_lease, mark_under_lease, renew_lease, take_lease,
};
pub use listing::{Cell, CellConfig, Listing, list, one};
pub use state::{Counts, Mark, StateError, create_state, mark, record_carried, set_counts, set_pair};

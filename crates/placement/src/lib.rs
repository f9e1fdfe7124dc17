//! Decisions of the control plane, without any call: the cells that a tenant gets, plans that move tenants, and the cost of
//! a failure.
//!
//! [`Fleet`] is the cells with their counts. `choose` decides on a tenant's home and standby; the transaction that places
//! the tenant (`cellstack-store`) checks again what the decision stood on.

mod cell;
mod choose;
mod fleet;
pub mod overlap;
pub mod picture;
pub mod plan;
mod refusal;
pub mod simulate;

pub use cell::Cell;
pub use choose::{Choice, Request, StandbyRequest};
pub use fleet::Fleet;
pub use refusal::Refusal;

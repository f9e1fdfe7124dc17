//! The tenant's cell: looked up through caches with leases, behind breakers, and passed over for a standby while it is marked
//! down.

pub(crate) mod breaker;
mod cached_table;
pub(crate) mod failover;
mod resolver;
mod singleflight;

pub(crate) use self::resolver::{Resolved, Resolver, RouteSource};

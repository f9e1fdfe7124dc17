//! The tenant's cell: looked up through caches with leases, behind breakers, replaced by a standby while it is
//! marked down, and requested for a tenant that has none.

pub(crate) mod breaker;
mod cached_table;
mod error;
pub(crate) mod failover;
mod first_sight;
mod locator;
mod resolver;
mod singleflight;
mod snapshots;

pub(crate) use self::error::{LookupError, Unread};
pub(crate) use self::first_sight::FirstSight;
pub(crate) use self::locator::{Located, Locator, Other};
pub(crate) use self::resolver::{Resolved, Resolver, RouteSource};

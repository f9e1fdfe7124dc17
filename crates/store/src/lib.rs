//! Access to the control plane's tables and to the parts of a cell that several tools share: tenant map, registry,
//! placement and requests for it, the audit trail, fences, snapshots, and dead letters on their way to a queue. One
//! function per access, each with its error.

pub mod audit;
pub mod carry;
pub mod cells;
pub mod dead_letter;
pub mod erase;
pub mod events;
pub mod fence;
mod item_size;
pub mod moves;
pub mod partition;
pub mod placement;
pub mod placement_requests;
pub mod probe;
mod rate_limit;
mod registry;
pub mod snapshot;
pub mod tenant_map;
mod transaction;
pub mod usage;

pub use rate_limit::RateLimit;
pub use registry::Registry;
pub use tenant_map::TenantMap;

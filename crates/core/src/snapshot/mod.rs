//! A snapshot of the tenant map. A router that never read the map starts from it while the map is out of reach.
//!
//! The control plane writes it, a router reads it, and neither waits for the other. The content may be old by the time
//! it is used: a route from a snapshot counts as stale, so that writes check the cell's fence, and a tenant that is
//! missing may exist all the same. The map keeps changing while it is read: each entry is as it was when the read
//! began or later, and of two entries the one with the larger epoch is the newer.
//!
//! One object, of lines of compact JSON in order, so that equal snapshots are equal bytes:
//!
//! ```text
//! {"format":"cellstack-snapshot/2","taken_at":1767225600000,"tenants":2,"cells":1,"epoch":3,"blocks":1,"index_bytes":…,"sha256":"…"}
//! {"cells":{"alpha":{"table":"cellstack-cell-alpha","status":"active"}},"blocks":[["acme",68,"…"]]}
//! ["acme","alpha",3,"active",null]
//! ["globex","alpha",1,"active",null]
//! ```
//!
//! The first line has the length and the hash of the second, the index. That names the first tenant, the length and the
//! hash of each block: of the lines of some tenants, all of them sorted by id. So one read of the beginning opens a
//! snapshot of any size, and one more read finds a tenant.

mod block;
mod draft;
mod encoded;
mod error;
mod header;
mod index;
#[cfg(test)]
mod tests;

pub use self::block::Block;
pub use self::draft::Draft;
pub use self::encoded::Encoded;
pub use self::error::InvalidSnapshot;
pub use self::header::{FORMAT, Header};
pub use self::index::{Beginning, BlockRef, Digest, Index};

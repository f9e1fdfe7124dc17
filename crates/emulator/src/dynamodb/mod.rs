//! DynamoDB: dynoxide's engine, with streams of our own.
//!
//! dynoxide (<https://docs.rs/dynoxide-rs>) keeps the tables. It writes stream records into one SQL table, which its
//! reads and inserts scan. After every write, the records are moved into [`streams`]: the scan has nothing to read, and
//! a write wakes the mappings of its table.

mod bound;
mod canonical;
mod conflict;
mod fault;
mod kept;
mod keys;
mod ops;
mod positions;
mod store;
pub(crate) mod streams;
mod streams_api;
mod tokens;
mod transaction;

pub(crate) use fault::{apply as apply_fault, entries_of_batch, split_batch};
pub(crate) use store::{DynamoDb, MAX_FILE_IN_MEMORY, Refusal};
pub(crate) use streams::{Record, Shard};

//! Reads and writes of snapshots of the tenant map, as files or S3 objects.

mod error;
mod file;
mod open;
mod s3;
mod source;
#[cfg(test)]
mod tests;

pub use self::error::SnapshotError;
pub use self::open::OpenSnapshot;
pub use self::source::SnapshotSource;

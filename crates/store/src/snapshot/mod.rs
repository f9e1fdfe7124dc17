//! Reading and writing snapshots of the tenant map, as files or objects of S3.

mod error;
mod s3;
mod source;
#[cfg(test)]
mod tests;

pub use self::error::SnapshotError;
pub use self::source::SnapshotSource;

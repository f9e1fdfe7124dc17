//! Failures to read or write a snapshot.

use std::io;

use cellstack_aws::fetch::FetchError;
use cellstack_core::snapshot::InvalidSnapshot;

/// The error of a snapshot that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is no snapshot at its place.
    #[error("there is no snapshot")]
    Missing,
    /// The bytes at the place are not a snapshot, or too many.
    #[error(transparent)]
    Invalid(#[from] InvalidSnapshot),
    /// The file can't be read or written.
    #[error("the file can't be used")]
    File(#[source] io::Error),
    /// S3 could not read or write the object.
    #[error("S3 did not give or take it")]
    S3(#[source] FetchError),
    /// The configuration lacks a part that S3 needs.
    #[error("S3 can't be called: {0}")]
    Config(String),
}

impl SnapshotError {
    /// Returns whether another try can help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::S3(error) => error.is_retryable(),
            _ => false,
        }
    }
}

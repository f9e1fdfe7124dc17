//! Failures to read or write a snapshot.

use std::io;
use std::ops::Range;

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
    /// The object was replaced since its index was read.
    #[error("it was replaced while it was read; open it again")]
    Replaced,
    /// The object, or the server that has it, returned something else than the part that was asked for.
    #[error("expected the bytes {first} to {last} of it; found {found}")]
    Part {
        /// The first byte of the part.
        first: u64,
        /// The last byte of the part.
        last: u64,
        /// The part that came, or the reason why none came.
        found: String,
    },
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
    /// Returns the error of a part that did not come.
    pub(super) fn part(asked: &Range<u64>, found: impl Into<String>) -> Self {
        Self::Part { first: asked.start, last: asked.end.saturating_sub(1), found: found.into() }
    }

    /// Returns whether another try can help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::S3(error) => error.is_retryable(),
            Self::Replaced => true,
            _ => false,
        }
    }
}

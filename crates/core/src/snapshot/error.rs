//! Why there is no snapshot.

use std::io;

use super::format::FORMAT;
use crate::fetch::FetchError;
use crate::limits::SNAPSHOT_MAX;

/// Why a snapshot could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is none at its place.
    #[error("there is no snapshot")]
    Missing,
    /// What is there is something else.
    #[error("expected a first line {{\"format\":\"{FORMAT}\",…}}; found {0}")]
    Foreign(String),
    /// What is there is not what was written: it was cut off or edited.
    #[error("expected content with the SHA-256 {expected}; its SHA-256 is {found}: it was cut off, or edited")]
    Hash {
        /// What the first line says.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The content's hash is right, but it is not what a writer writes.
    #[error("the content can't be read: {0}")]
    Content(String),
    /// First line and content tell different things.
    #[error("expected {what} {expected}, as the first line says; the content has {found}")]
    Mismatch {
        /// Of what.
        what: &'static str,
        /// What the first line says.
        expected: u64,
        /// What the content has.
        found: u64,
    },
    /// It is larger than a snapshot may be.
    #[error("it is larger than {SNAPSHOT_MAX} bytes")]
    TooLarge,
    /// The file can't be read or written.
    #[error("the file can't be used")]
    File(#[source] io::Error),
    /// S3 gave or took nothing.
    #[error("S3 did not give or take it")]
    S3(#[source] FetchError),
    /// The configuration lacks something that S3 needs.
    #[error("S3 can't be called: {0}")]
    Config(String),
}

impl SnapshotError {
    /// Whether trying again can help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::S3(error) => error.is_retryable(),
            _ => false,
        }
    }
}

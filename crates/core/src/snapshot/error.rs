//! Reasons why bytes are not a snapshot.

use super::format::FORMAT;
use crate::limits::SNAPSHOT_MAX;

/// The error of bytes that are not a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSnapshot {
    /// The bytes are something else.
    #[error("expected a first line {{\"format\":\"{FORMAT}\",…}}; found {0}")]
    Foreign(String),
    /// The bytes were cut off or edited.
    #[error("expected content with the SHA-256 {expected}; its SHA-256 is {found}: it was cut off, or edited")]
    Hash {
        /// The hash in the first line.
        expected: String,
        /// The hash of the content.
        found: String,
    },
    /// The content's hash is right, but no writer writes such content.
    #[error("the content can't be read: {0}")]
    Content(String),
    /// First line and content contradict each other.
    #[error("expected {what} {expected}, as the first line says; the content has {found}")]
    Mismatch {
        /// The quantity.
        what: &'static str,
        /// The number in the first line.
        expected: u64,
        /// The number in the content.
        found: u64,
    },
    /// The bytes are more than a snapshot may have.
    #[error("it is larger than {SNAPSHOT_MAX} bytes")]
    TooLarge,
}

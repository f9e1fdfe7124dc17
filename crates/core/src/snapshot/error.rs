//! Reasons why bytes are not a snapshot, or can't become one.

use super::header::FORMAT;

/// The error of bytes that are not a snapshot, or of a map that has no room in one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSnapshot {
    /// The bytes are something else.
    #[error("expected a first line {{\"format\":\"{FORMAT}\",…}}; found {0}")]
    Foreign(String),
    /// The object has more or fewer bytes than its index says.
    #[error("expected {expected} bytes, as its index says; it has {found}: it was cut off, or edited")]
    Size {
        /// The bytes by first line and index.
        expected: u64,
        /// The object's bytes.
        found: u64,
    },
    /// A part was cut off or edited.
    #[error("expected {part} with the SHA-256 {expected}; its SHA-256 is {found}: it was cut off, or edited")]
    Hash {
        /// The index, or a block by its first tenant.
        part: String,
        /// The hash in the part before.
        expected: String,
        /// The hash of the part.
        found: String,
    },
    /// The hash is right, but no writer writes such content.
    #[error("the content can't be read: {0}")]
    Content(String),
    /// The tenants are not in order, or one of them is there twice.
    #[error("expected tenants in ascending order, each once; found {after} behind {before}")]
    Order {
        /// A tenant.
        before: String,
        /// The tenant behind it.
        after: String,
    },
    /// Two parts contradict each other.
    #[error("expected {what} {expected}, as the first line says; the content has {found}")]
    Mismatch {
        /// The quantity.
        what: &'static str,
        /// The number in the first line.
        expected: u64,
        /// The number in the content.
        found: u64,
    },
    /// A part has more bytes than it may have.
    #[error("expected {part} of {limit} bytes at most; found {found} or more")]
    TooLarge {
        /// The part.
        part: &'static str,
        /// The most bytes that it may have.
        limit: u64,
        /// Its bytes, as far as they were counted.
        found: u64,
    },
}

/// Checks that a quantity is as the first line says.
pub(super) const fn agrees(what: &'static str, expected: u64, found: u64) -> Result<(), InvalidSnapshot> {
    if expected == found { Ok(()) } else { Err(InvalidSnapshot::Mismatch { what, expected, found }) }
}

/// Checks that a part has no more bytes than it may have.
pub(super) const fn fits(part: &'static str, found: u64, limit: u64) -> Result<(), InvalidSnapshot> {
    if found <= limit { Ok(()) } else { Err(InvalidSnapshot::TooLarge { part, limit, found }) }
}

/// Returns the error of content that can't be read.
pub(super) fn unreadable(error: impl std::fmt::Display) -> InvalidSnapshot {
    InvalidSnapshot::Content(error.to_string())
}

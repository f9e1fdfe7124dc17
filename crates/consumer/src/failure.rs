//! The ways in which an event is not processed.

/// Why an event was not processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its processor asked for another try, panicked or took too long.
    Unprocessed(String),
    /// The table could not take its effects now, which says nothing about the event: it does not count as a try.
    Uncommitted(String),
    /// It is refused for good, by its processor or by the table.
    Refused(String),
    /// This cell does not hold the event.
    NotHeld,
    /// It was not committed: an event before it must come first.
    Blocked,
}

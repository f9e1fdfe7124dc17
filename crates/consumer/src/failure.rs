//! The ways in which an event is not processed.

/// The reason why an event was not processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The processor asked for another try, panicked or took too long.
    Unprocessed(String),
    /// The table could not take the effects now, which says nothing about the event: it does not count as a try.
    Uncommitted(String),
    /// The processor or the table refused the event for good.
    Refused(String),
    /// This cell does not hold the event.
    NotHeld,
    /// The event was not committed: an event before it must come first.
    Blocked,
}

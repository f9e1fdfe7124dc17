//! Failures of a cell.

use cellstack_aws::AwsFailure;
use cellstack_core::EventId;

/// A read or a write of a cell failed.
#[derive(Debug, Clone)]
pub(crate) enum CellError {
    /// The cell failed not long ago, and its breaker is open.
    CircuitOpen,
    /// The call failed.
    Failed(AwsFailure),
    /// The item of an event is damaged, which is that event's own trouble.
    Unreadable {
        /// The event.
        event: EventId,
        /// The parser's reason.
        reason: String,
    },
}

impl CellError {
    /// Returns whether the event is there, in a form that can't be read.
    pub(crate) const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

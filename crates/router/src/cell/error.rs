//! Failures of a cell.

use cellstack_aws::AwsFailure;
use cellstack_core::EventId;

/// A failed read or write of a cell.
#[derive(Debug, Clone)]
pub(crate) enum CellError {
    /// The cell failed not long ago, and its breaker is open.
    CircuitOpen,
    /// The call failed.
    Failed(AwsFailure),
    /// The item of an event is damaged, which concerns that event only.
    Unreadable {
        /// The event.
        event: EventId,
        /// The parser's reason.
        reason: String,
    },
}

impl CellError {
    /// Returns whether the event is stored, in a form that can't be read.
    pub(crate) const fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

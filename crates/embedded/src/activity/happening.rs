//! Happenings in a stack.

use std::time::Duration;

use cellstack_core::dead_letter::DeadLetter;
use cellstack_core::{EventId, EventStatus};

use super::Exchange;
use crate::{cells, faults};

/// An event with its tenant and its cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The tenant.
    pub tenant: String,
    /// The cell.
    pub cell: String,
    /// The event.
    pub event: EventId,
}

/// A happening in a stack.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A request got a response and made no event.
    Responded(Exchange),
    /// An event is durable, or was already.
    Accepted {
        /// The event.
        subject: Subject,
        /// The event's type.
        event_type: String,
        /// `accepted`, or `held` by a standby.
        status: EventStatus,
        /// The request that brought it; `None` if it did not come through this function URL.
        request: Option<String>,
        /// True if the event was there before: a request was repeated.
        repeated: bool,
    },
    /// The topic took the event.
    Published(Subject),
    /// The consumer received the event, for the n-th time.
    Delivered(Subject, u32),
    /// The event's status changed.
    Settled {
        /// The event.
        subject: Subject,
        /// The event's type.
        event_type: String,
        /// The new status.
        status: EventStatus,
        /// The time since acceptance.
        took: Option<Duration>,
        /// The error, if it failed.
        error: Option<String>,
    },
    /// A letter came into a dead-letter queue.
    DeadLetter {
        /// The queue.
        queue: String,
        /// The letter.
        letter: Box<DeadLetter>,
    },
    /// An invocation of a cell's function failed.
    FunctionFailed {
        /// The function.
        function: String,
        /// The error.
        error: String,
    },
    /// A fault on demand changed.
    Fault(faults::Change),
    /// A cell was added or removed.
    Cell(cells::Change),
    /// The number of happenings that came faster than they were taken.
    Missed(u64),
}

impl Happening {
    /// Returns the event that it is about.
    pub(super) fn event(&self) -> Option<EventId> {
        match self {
            Self::Accepted { subject, .. }
            | Self::Published(subject)
            | Self::Delivered(subject, _)
            | Self::Settled { subject, .. } => Some(subject.event),
            Self::DeadLetter { letter, .. } => letter.event,
            Self::Responded(_) | Self::FunctionFailed { .. } | Self::Fault(_) | Self::Cell(_) | Self::Missed(_) => None,
        }
    }
}

//! A run of a move: its next step, and all that it knows.

use crate::state::{EVENTS, Phase, Status};

/// The next step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// No run, or a dead one.
    #[default]
    Off,
    /// Copies, and waits for the leases.
    Copy,
    /// Writes `fenced` into the map.
    Say,
    /// Closes the shards of the source's fence.
    Close,
    /// Waits until the source has processed all.
    Drain,
    /// Reads the events that are not done, to freeze them.
    FindPending,
    /// Freezes them.
    Freeze,
    /// Copies the rest.
    CopyRest,
    /// Compares the rest, and records that.
    Compare,
    /// Reads what is frozen.
    FindFrozen,
    /// Hands it over, and flips the map.
    HandOver,
}

impl Step {
    /// Returns the phase that must be on record for the step.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Off => Phase::Planned,
            Self::Copy => Phase::Moving,
            Self::Say | Self::Close | Self::Drain => Phase::Fenced,
            Self::FindPending | Self::Freeze => Phase::Carrying,
            Self::CopyRest | Self::Compare => Phase::Drained,
            Self::FindFrozen | Self::HandOver => Phase::Verified,
        }
    }

    /// Returns the first step of a run that finds this phase on record.
    #[must_use]
    pub const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Planned | Phase::Flipped | Phase::Aborted => Self::Off,
            Phase::Moving => Self::Copy,
            Phase::Fenced => Self::Say,
            Phase::Carrying => Self::FindPending,
            Phase::Drained => Self::CopyRest,
            Phase::Verified => Self::FindFrozen,
        }
    }

    /// Returns whether the step stands on a reading of the rest.
    #[must_use]
    pub const fn needs_rest(self) -> bool {
        matches!(self, Self::Drain | Self::FindPending | Self::CopyRest)
    }
}

/// The events that were not known to be equal when the source was read after its fence closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rest {
    /// All of them.
    pub keys: [bool; EVENTS],
    /// Those that were not done.
    pub pending: [bool; EVENTS],
    /// Those that were frozen.
    pub frozen: [bool; EVENTS],
}

/// A run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// The next step.
    pub step: Step,
    /// True if the run knows that events were frozen.
    pub carries: bool,
    /// The last status of each event that was found equal in both cells; `Absent` for the others.
    pub known: [Status; EVENTS],
    /// True if each event that is not known is open, or in the journal.
    pub is_complete: bool,
    /// The events that were not known when both cells were read last.
    pub open: [bool; EVENTS],
    /// Items that were read from the source and are on their way to the destination, without a check of the record.
    pub copies: [Status; EVENTS],
    /// True if a run that knew nothing has copied, and has not read the rest since.
    pub has_copied: bool,
    /// The rest, if it was read.
    pub rest: Option<Rest>,
    /// Shards that are closed, or events that are still to be frozen or handed over.
    pub list: [bool; EVENTS],
}

impl Run {
    /// Returns the first state of a run that finds this on record.
    #[must_use]
    pub fn of(phase: Phase, carries: bool) -> Self {
        Self { step: Step::of(phase), carries, ..Self::default() }
    }

    /// Returns whether items are on their way.
    #[must_use]
    pub fn is_copying(&self) -> bool {
        self.copies != [Status::Absent; EVENTS]
    }

    /// Goes on with the first step of a phase. Only the knowledge stays.
    pub fn enter(&mut self, phase: Phase) {
        self.step = Step::of(phase);
        self.list = [false; EVENTS];
        self.carries |= phase == Phase::Carrying;
        if phase == Phase::Verified {
            // No later step stands on it.
            (self.known, self.rest) = ([Status::Absent; EVENTS], None);
            (self.is_complete, self.open) = (false, [false; EVENTS]);
        }
    }
}

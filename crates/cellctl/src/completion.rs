//! The end of a command.

use std::process::ExitCode;

/// The end of a command that met no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// All was done.
    Done,
    /// Something was skipped, or could not be seen.
    LeftSome,
}

impl Completion {
    /// Returns [`Completion::Done`] if nothing is left to do.
    #[must_use]
    pub const fn of(all_done: bool) -> Self {
        if all_done { Self::Done } else { Self::LeftSome }
    }
}

impl From<Completion> for ExitCode {
    fn from(completion: Completion) -> Self {
        match completion {
            Completion::Done => Self::SUCCESS,
            Completion::LeftSome => Self::from(3),
        }
    }
}

//! Mutations: bugs that the simulator plants in the real code, to show that it finds them.
//!
//! Without the feature `mutations`, which no shipped function has, [`is_planted`] is `false` at compile time and the
//! planted branches vanish.

use std::fmt;
use std::str::FromStr;

macro_rules! mutations {
    ($($(#[doc = $doc:literal])+ $mutation:ident = $name:literal,)+) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutation {
            $($(#[doc = $doc])+ $mutation,)+
        }

        impl Mutation {
            /// All mutations.
            pub const ALL: &[Self] = &[$(Self::$mutation),+];

            /// Returns the name on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$mutation => $name,)+
                }
            }
        }
    };
}

mutations! {
    /// A redrive deletes a letter before it has sent the letter's message.
    LetterDeletedBeforeSent = "letter-deleted-before-sent",
    /// The consumer marks a refused event before its letter is written.
    MarkedBeforeLetter = "marked-before-letter",
    /// The consumer marks events processed, then applies their effects.
    MarkedBeforeEffect = "marked-before-effect",
    /// The consumer takes a transaction that conflicted for one that was committed before.
    ConflictIsDuplicate = "conflict-is-duplicate",
    /// The consumer never dead-letters an event.
    PoisonRetriedForever = "poison-retried-forever",
    /// The consumer commits events behind one that must come first.
    BlockedIgnored = "blocked-ignored",
    /// Transactions that conflict are retried in step.
    ConflictWithoutJitter = "conflict-without-jitter",
    /// The producer publishes several events of a tenant in one batch of an ordered topic.
    EntryOvertakes = "entry-overtakes",
    /// The producer does not report the records that it could not publish.
    PartialFailureDropped = "partial-failure-dropped",
    /// A router acknowledges a write that conflicts with another.
    ConflictIsWritten = "conflict-is-written",
    /// A router writes an event into a standby as one to process.
    HeldIsAccepted = "held-is-accepted",
    /// A router that can't read the registry holds events by a mark-down that has ended.
    OldMarkCounts = "old-mark-counts",
    /// A stream without its filter, whose producer publishes what a standby holds.
    HeldIsPublished = "held-is-published",
    /// A try is noted on each event of a tenant that returned in one batch, not only on the one that is tried.
    TriesSpread = "tries-spread",
    /// A router takes an event with a known name and another body for a repeat.
    ClashIsRepeat = "clash-is-repeat",
    /// A slow query of totals opens the breaker of its cell's writes.
    TotalsOpenBreaker = "totals-open-breaker",
    /// A move closes the fence before the routers' leases are over.
    LeaseNotAwaited = "lease-not-awaited",
    /// A move flips the map while its source still has events to process.
    FlipBeforeDrain = "flip-before-drain",
    /// A move copies events that are not done, and does not hand them over.
    PendingNotCarried = "pending-not-carried",
    /// A move does not compare what it copied.
    ComparisonSkipped = "comparison-skipped",
    /// A move continues when half of the fence is closed.
    FenceHalfClosed = "fence-half-closed",
    /// A write that checks the fence leaves nothing in the tenant's journal.
    JournalNotWritten = "journal-not-written",
    /// Held events are carried home in the order of their keys.
    CarriedByKey = "carried-by-key",
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mutation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|mutation| mutation.as_str() == text).copied();
        found.ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|mutation| mutation.as_str()).collect();
            format!("expected one of {}", all.join(", "))
        })
    }
}

#[cfg(feature = "mutations")]
mod planted {
    use std::cell::Cell;

    use super::Mutation;

    thread_local! {
        // A simulated run uses one thread.
        static PLANTED: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Plants a mutation in this thread until the guard is dropped: threads are used again.
    pub fn plant(mutation: Mutation) -> Planted {
        PLANTED.set(Some(mutation));
        Planted(())
    }

    /// A planted mutation. Dropping it removes the mutation.
    #[derive(Debug)]
    #[must_use]
    pub struct Planted(());

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }

    /// Returns whether this thread runs with `mutation`.
    #[must_use]
    pub fn is_planted(mutation: Mutation) -> bool {
        PLANTED.get() == Some(mutation)
    }
}

#[cfg(feature = "mutations")]
pub use planted::{Planted, is_planted, plant};

/// Returns whether this thread runs with `mutation`; always `false` without the feature `mutations`.
#[cfg(not(feature = "mutations"))]
#[must_use]
#[inline(always)]
pub const fn is_planted(_: Mutation) -> bool {
    false
}

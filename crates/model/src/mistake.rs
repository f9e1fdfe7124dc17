//! Mistakes that can be planted into the model, to show that the properties find them.

/// A mistake in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The fence is closed while a router may still write without asking it.
    LeaseNotAwaited,
    /// The map flips although the source has not processed all that it accepted.
    FlipBeforeDrain,
    /// An event that the source has not processed is copied as it is, and not frozen there.
    PendingCopied,
    /// The events that changed after they were copied are not copied again, nor compared.
    RestSkipped,
    /// The move continues when the first of the fence's shards is closed.
    FenceHalfClosed,
    /// The steps of a run do not check the record: neither that it is still its own, nor its phase.
    ///
    /// Within the bounds either of the two is enough, since no phase comes twice.
    RecordUnchecked,
    /// The copy that is made without a check of the record takes a frozen event for one that can't change any more.
    FrozenCopied,
    /// That copy takes along failed events, which a redrive changes.
    FailedCopied,
    /// A write that checks the fence leaves nothing in the journal.
    JournalNotWritten,
    /// A run stands on the journal although a router may still write without it.
    JournalTooEarly,
}

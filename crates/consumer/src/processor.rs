//! The place for business logic: [`Processor`].

use std::future::Future;

use cellstack_core::Message;

use crate::Effects;

/// Business logic that turns an event into effects. It decides, and the consumer writes: all effects of an event, and
/// the mark that it is processed, are one transaction in the tenant's partition of the cell's table. So a message that
/// comes twice has its effects once, and a processor needs no bookkeeping of its own.
///
/// A processor's calls to other systems are not part of that transaction and may happen more than once. Give such a
/// call the event's tenant and id, so that the other side can recognise a repeat. The id alone is not enough: two tenants
/// that give their events the same name have events with the same id.
pub trait Processor: Send + Sync + 'static {
    /// Returns the effects of an event.
    ///
    /// # Errors
    /// [`ProcessError`] says whether another try can help. A panic fails its event alone, as a retryable error does. So
    /// does a call that takes longer than the event's time: its future is dropped. A call that blocks its thread can't
    /// be dropped. It ends with the function's time-out, and its neighbours are processed without it later.
    fn process(&self, event: &Message) -> impl Future<Output = Result<Effects, ProcessError>> + Send;
}

/// The reason why an event could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// A later try may work: something that the event needs is missing now. Its message comes again after the queue's
    /// visibility timeout. After the last try it is in the dead-letter queue, and the event stays `accepted`.
    #[error("not now: {0}")]
    Retryable(String),
    /// No try will ever work: the event itself is wrong. It is marked `failed` with this reason, and a letter with the
    /// reason and the message goes to the dead-letter queue at once.
    #[error("{0}")]
    Permanent(String),
}

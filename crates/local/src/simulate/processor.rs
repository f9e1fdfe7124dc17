//! The processor of this build, and events that give it trouble.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use cellstack_consumer::{Effects, ProcessError, Processor};
use cellstack_core::{EventId, Message};

/// Puts events' moods in front of a processor.
pub(crate) struct Moody<P> {
    inner: P,
    tried: Mutex<BTreeSet<EventId>>,
}

impl<P> Moody<P> {
    pub(crate) const fn new(inner: P) -> Self {
        Self { inner, tried: Mutex::new(BTreeSet::new()) }
    }
}

impl<P: Processor> Processor for Moody<P> {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        let data = event.data.as_deref().unwrap_or_default();
        if data.contains(r#""mood":"panic""#) {
            // Unwinds like any panic, without a word on standard error.
            std::panic::resume_unwind(Box::new("the processor was told to panic"));
        }
        if data.contains(r#""mood":"flaky""#)
            && self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(event.id)
        {
            return Err(ProcessError::Retryable("the first try fails".to_owned()));
        }
        self.inner.process(event).await
    }
}

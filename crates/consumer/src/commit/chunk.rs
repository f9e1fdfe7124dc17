//! Events whose effects go into one transaction.

use std::collections::BTreeMap;

use cellstack_core::EventId;
use cellstack_core::limits::MAX_TRANSACTION;

use crate::effects::{Effect, Effects, merge};
use crate::failure::Failure;

/// The action that counts the events of a chunk.
const COUNT: usize = 1;

/// Events that share a transaction, and their writes merged.
pub(super) struct Chunk<'a> {
    pub(super) events: Vec<(EventId, &'a Effects)>,
    pub(super) writes: BTreeMap<String, Effect>,
}

impl Chunk<'_> {
    /// Returns all events of the chunk with the same failure.
    pub(super) fn failed(&self, failure: &Failure) -> Vec<(EventId, Failure)> {
        self.events.iter().map(|(id, _)| (*id, failure.clone())).collect()
    }
}

/// Cuts events into chunks that fit a transaction.
pub(super) fn chunks<'a>(events: impl IntoIterator<Item = (EventId, &'a Effects)>) -> Vec<Chunk<'a>> {
    let mut chunks: Vec<Chunk<'a>> = Vec::new();
    for (id, effects) in events {
        if let Some(last) = chunks.last_mut()
            && let Some(merged) = merge(&last.writes, effects.writes())
            && last.events.len() + 1 + merged.len() + COUNT <= MAX_TRANSACTION
        {
            last.events.push((id, effects));
            last.writes = merged;
        } else {
            chunks.push(Chunk { events: vec![(id, effects)], writes: effects.writes().clone() });
        }
    }
    chunks
}

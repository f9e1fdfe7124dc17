//! The positions of mappings in streams: how old the next record is and, in a stack in a directory, what is saved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use dynoxide::Result;

use super::kept::{self, Position};
use super::store::DynamoDb;
use super::streams::Shard;
use crate::sync::lock;

/// A mapping's lane in a shard of a stream.
pub(super) struct Reader {
    function: String,
    shard: Arc<Shard>,
    position: Weak<AtomicU64>,
    /// The same where it is saved, also after the mapping has ended.
    saved: Option<Arc<AtomicU64>>,
}

impl Reader {
    /// Returns whether its mapping has not ended.
    fn is_running(&self) -> bool {
        self.position.strong_count() > usize::from(self.saved.is_some())
    }
}

impl DynamoDb {
    /// Returns the saved position of a mapping in a shard, if there is one.
    pub(crate) fn saved_position(&self, function: &str, shard: &Shard) -> Result<Option<u64>> {
        if !self.is_kept {
            return Ok(None);
        }
        kept::position(lock(&self.state).storage.conn(), &shard.table, function, &shard.id())
    }

    /// Registers a mapping's position, in place of that of an ended mapping of the same function. It is saved where streams are
    /// kept, if it continues from there.
    pub(crate) fn keep_position(&self, function: &str, shard: &Arc<Shard>, position: &Arc<AtomicU64>, goes_on: bool) {
        let mut readers = lock(&self.readers);
        readers.retain(|reader| {
            let is_same = reader.function == function && Arc::ptr_eq(&reader.shard, shard);
            !is_same || reader.is_running()
        });
        let saved = (self.is_kept && goes_on).then(|| position.clone());
        let (function, shard, position) = (function.to_owned(), shard.clone(), Arc::downgrade(position));
        readers.push(Reader { function, shard, position, saved });
    }

    /// Returns the age in milliseconds of the oldest record that a function has not finished: 0 if it has finished all, `None` if no
    /// stream is mapped to it.
    pub(crate) fn iterator_age_ms(&self, function: &str) -> Option<u64> {
        let now = self.context.clock.ms();
        let age = |reader: &Reader| {
            let position = reader.is_running().then(|| reader.position.upgrade()).flatten()?;
            let next = reader.shard.read(position.load(Ordering::Acquire), 1).unwrap_or_default();
            Some(next.first().map_or(0, |record| now.saturating_sub(record.created_ms)))
        };
        lock(&self.readers).iter().filter(|reader| reader.function == function).filter_map(age).max()
    }

    /// Saves the positions of the mappings, and drops the records that all of them have passed.
    pub(crate) fn save_positions(&self) -> Result<()> {
        if !self.is_kept {
            return Ok(());
        }
        // Nothing is appended meanwhile: a record after a saved position is not read yet.
        let state = lock(&self.state);
        let position = |Reader { function, shard, saved, .. }: &Reader| {
            let at = saved.as_ref()?.load(Ordering::Acquire);
            // A shard without further records holds no mapping back.
            let sequence = if shard.after(at) == 0 { shard.last().max(at) } else { at };
            Some(Position { table: shard.table.to_string(), function: function.clone(), shard: shard.id(), sequence })
        };
        let mut positions: Vec<Position> = lock(&self.readers).iter().filter_map(position).collect();
        // Of the lanes of a shard, the one furthest behind is written last, and stays.
        positions.sort_unstable_by_key(|position| std::cmp::Reverse(position.sequence));
        kept::save(state.storage.conn(), &positions, self.context.clock.ms())
    }
}

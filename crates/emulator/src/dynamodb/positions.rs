//! The positions of mappings in the streams of a stack in a directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::Result;

use super::kept::{self, Position};
use super::store::DynamoDb;
use super::streams::Shard;
use crate::context::lock;

/// A mapping's lane in a shard of a stream on disk.
pub(super) struct Reader {
    function: String,
    shard: Arc<Shard>,
    position: Arc<AtomicU64>,
}

impl DynamoDb {
    /// Returns the saved position of a mapping in a shard, if there is one.
    pub(crate) fn saved_position(&self, function: &str, shard: &Shard) -> Result<Option<u64>> {
        if !self.is_kept {
            return Ok(None);
        }
        kept::position(lock(&self.state).storage.conn(), &shard.table, function, &shard.id())
    }

    /// Registers a mapping's position for saving, in place of that of an ended mapping of the same function.
    pub(crate) fn keep_position(&self, function: &str, shard: &Arc<Shard>, position: &Arc<AtomicU64>) {
        if self.is_kept {
            let mut readers = lock(&self.readers);
            readers.retain(|reader| {
                let is_same = reader.function == function && Arc::ptr_eq(&reader.shard, shard);
                !is_same || Arc::strong_count(&reader.position) > 1
            });
            readers.push(Reader { function: function.to_owned(), shard: shard.clone(), position: position.clone() });
        }
    }

    /// Saves the positions of the mappings, and drops the records that all of them have passed.
    pub(crate) fn save_positions(&self) -> Result<()> {
        if !self.is_kept {
            return Ok(());
        }
        // Nothing is appended meanwhile: a record after a saved position is not read yet.
        let state = lock(&self.state);
        let position = |Reader { function, shard, position }: &Reader| {
            let at = position.load(Ordering::Acquire);
            // A shard without further records holds no mapping back.
            let sequence = if shard.after(at) == 0 { shard.last().max(at) } else { at };
            Position { table: shard.table.to_string(), function: function.clone(), shard: shard.id(), sequence }
        };
        let mut positions: Vec<Position> = lock(&self.readers).iter().map(position).collect();
        // Of the lanes of a shard, the one furthest behind is written last, and stays.
        positions.sort_unstable_by_key(|position| std::cmp::Reverse(position.sequence));
        kept::save(state.storage.conn(), &positions, self.context.clock.ms())
    }
}

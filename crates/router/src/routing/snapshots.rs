//! The snapshot of the map: its index, read when it is needed and not more often than its lease allows, and its blocks, each
//! read when one of its tenants is asked for.
//!
//! | the snapshot or its bucket | a lookup |
//! |---|---|
//! | was opened within the lease | needs one read at most, of a block; none if the block is there |
//! | was replaced | opens it anew, once |
//! | can't be opened | continues with the index from before |
//! | has a block that can't be read | fails; the block is not read again for [`SNAPSHOT_BLOCK_COOLDOWN`] |
//! | does not respond | fails, within [`SNAPSHOT_TIMEOUT`]; others fail at once while the [`Breaker`] is open |

use std::sync::Arc;

use aws_types::SdkConfig;
use cellstack_core::lease::{LeaseCache, LeaseTime, Lookup, Versioned};
use cellstack_core::limits::{SNAPSHOT_BLOCK_COOLDOWN, SNAPSHOT_BLOCKS, SNAPSHOT_LEASE, SNAPSHOT_TIMEOUT};
use cellstack_core::registry::CellRecord;
use cellstack_core::snapshot::{Block, BlockRef, Digest};
use cellstack_core::{CellId, Clock, TenantId, TenantRoute};
use cellstack_store::snapshot::{OpenSnapshot, SnapshotError, SnapshotSource};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::singleflight::Singleflight;
use crate::clock::RouterClock;
use crate::routing::breaker::Breaker;

/// Blocks per environment that are remembered as not readable.
const UNREADABLE_BLOCKS: usize = 1_000;

/// A block by its hash: a snapshot that is written anew shares most of its blocks with the one before.
#[derive(Debug, Clone)]
struct Kept(Arc<Block>);

impl Versioned for Kept {
    fn version(&self) -> u64 {
        0
    }
}

/// The last read of the index.
struct LastOpen {
    at: LeaseTime,
    /// The snapshot that serves; after a failure the one from before.
    opened: Option<Arc<OpenSnapshot>>,
    failed: bool,
}

/// The reason why a block is not there.
enum NoBlock {
    /// The object was replaced since its index was read.
    Replaced,
    /// It can't be read, or was not a moment ago.
    Failed,
}

/// The snapshot of the map.
pub(super) struct Snapshots<A> {
    source: Option<SnapshotSource>,
    config: SdkConfig,
    clock: RouterClock<A>,
    last: Mutex<Option<LastOpen>>,
    blocks: LeaseCache<Digest, Kept>,
    reads: Singleflight<Digest>,
    breaker: Breaker,
}

impl<A: Clock> Snapshots<A> {
    pub(super) fn new(source: Option<SnapshotSource>, config: SdkConfig, clock: RouterClock<A>) -> Self {
        let blocks = LeaseCache::new(SNAPSHOT_BLOCKS, SNAPSHOT_LEASE, UNREADABLE_BLOCKS, SNAPSHOT_BLOCK_COOLDOWN);
        let (last, reads, breaker) = (Mutex::new(None), Singleflight::new(), Breaker::default());
        Self { source, config, clock, last, blocks, reads, breaker }
    }

    /// Returns the record of a cell, if the snapshot has it.
    pub(super) async fn cell(&self, cell: &CellId) -> Option<CellRecord> {
        let opened = self.open(self.source.as_ref()?, None, Instant::now() + SNAPSHOT_TIMEOUT).await?;
        opened.index().cells().get(cell).cloned()
    }

    /// Returns the tenant's route, if the snapshot has it. `None` proves nothing: the tenant may have been placed since.
    pub(super) async fn tenant(&self, tenant: &TenantId) -> Option<TenantRoute> {
        let source = self.source.as_ref()?;
        let deadline = Instant::now() + SNAPSHOT_TIMEOUT;
        let opened = self.open(source, None, deadline).await?;
        let block = opened.index().block_of(tenant)?;
        let block = match self.block(source, &opened, &block, deadline).await {
            Ok(block) => block,
            Err(NoBlock::Failed) => return None,
            Err(NoBlock::Replaced) => {
                let Some(again) = self.open(source, Some(&opened), deadline).await else {
                    self.cool_down(block.sha256());
                    return None;
                };
                let block = again.index().block_of(tenant)?;
                match self.block(source, &again, &block, deadline).await {
                    Ok(block) => block,
                    Err(_) => return None,
                }
            }
        };
        block.tenant(tenant).cloned()
    }

    /// Returns the snapshot that was opened last. Opens it if the lease is over, or if the last one is the one that was
    /// `replaced`.
    async fn open(
        &self,
        source: &SnapshotSource,
        replaced: Option<&Arc<OpenSnapshot>>,
        deadline: Instant,
    ) -> Option<Arc<OpenSnapshot>> {
        let mut last = timeout_at(deadline, self.last.lock()).await.ok()?;
        let now = self.clock.now();
        if let Some(LastOpen { at, opened, failed }) = &*last
            && at.age_at(now) < SNAPSHOT_LEASE
        {
            let is_replaced =
                replaced.is_some_and(|replaced| opened.as_ref().is_some_and(|opened| Arc::ptr_eq(opened, replaced)));
            match (is_replaced, *failed) {
                (false, _) => return opened.clone(),
                (true, true) => return None,
                (true, false) => {}
            }
        }
        let time = deadline.checked_duration_since(Instant::now())?;
        // The one from before stays where it is meanwhile: the caller may be gone before the read ends.
        let read = source.open(&self.config, time).await;
        let failed = read.is_err();
        let opened = match read {
            Ok(opened) => {
                let taken_at = opened.index().header().taken_at;
                tracing::warn!(%source, taken_at, "the map can't be read; using its snapshot");
                Some(Arc::new(opened))
            }
            Err(error) => {
                tracing::error!(%source, error = cellstack_aws::chain(&error), "snapshot");
                last.take().and_then(|last| last.opened)
            }
        };
        *last = Some(LastOpen { at: now, opened: opened.clone(), failed });
        // No block of an object that was replaced can be read.
        opened.filter(|_| !(failed && replaced.is_some()))
    }

    /// Returns a block: one that is kept, else by a read of it. Of several lookups in one block, one reads.
    async fn block(
        &self,
        source: &SnapshotSource,
        opened: &OpenSnapshot,
        block: &BlockRef<'_>,
        deadline: Instant,
    ) -> Result<Arc<Block>, NoBlock> {
        let key = block.sha256();
        if let Some(known) = self.known(key) {
            return known;
        }
        let permit = timeout_at(deadline, self.reads.acquire(&key)).await;
        let _permit = permit.map_err(|_| NoBlock::Failed)?;
        if let Some(known) = self.known(key) {
            return known;
        }
        let time = deadline.checked_duration_since(Instant::now()).ok_or(NoBlock::Failed)?;
        self.breaker.admit(self.clock.now()).map_err(|_| NoBlock::Failed)?;
        let read = opened.block(&self.config, block, time).await;
        let gone = read.as_ref().is_err_and(|error| error.is_retryable() && !matches!(error, SnapshotError::Replaced));
        self.breaker.note(self.clock.now(), !gone);
        match read {
            Ok(block) => Ok(self.blocks.insert_stale(key, Kept(Arc::new(block))).0),
            Err(SnapshotError::Replaced) => Err(NoBlock::Replaced),
            Err(error) => {
                tracing::error!(%source, error = cellstack_aws::chain(&error), "block of the snapshot");
                self.cool_down(key);
                Err(NoBlock::Failed)
            }
        }
    }

    /// Returns the block that is kept, or that it could not be read a moment ago; `None` if it is to be read.
    fn known(&self, key: Digest) -> Option<Result<Arc<Block>, NoBlock>> {
        match self.blocks.look_up(&key, self.clock.now()) {
            Lookup::Fresh(kept) | Lookup::RefreshDue(kept) | Lookup::Stale(kept) => Some(Ok(kept.0)),
            Lookup::NotFound => Some(Err(NoBlock::Failed)),
            Lookup::Unknown => None,
        }
    }

    /// Notes that a block could not be read.
    fn cool_down(&self, key: Digest) {
        self.blocks.store(key, None, self.clock.now());
    }
}

#[cfg(test)]
mod tests;

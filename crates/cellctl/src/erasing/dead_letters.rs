//! A tenant's letters in one dead-letter queue.

use anyhow::Result;
use cellstack_core::TenantId;
use tokio_util::sync::CancellationToken;

use crate::dlq::{DeadLetterQueue, Filter, Found, Reader};

/// Letters that a reader has in hand at once, at most.
const MAX_IN_HAND: usize = 100_000;

/// The letters that were found in a queue.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    /// Letters of the tenant: deleted, unless the run is a dry one.
    pub(super) erased: u64,
    /// Letters that name no tenant, and in which its id appears.
    pub(super) doubtful: u64,
    /// The reason why there may be more.
    pub(super) unseen: Option<String>,
}

/// Deletes the letters of a tenant, or counts them only in a dry run.
///
/// # Errors
/// Fails if the queue can't be read. `dead_letters` has what was done until then.
pub(super) async fn erase(
    queue: &DeadLetterQueue,
    tenant: &TenantId,
    is_dry: bool,
    stop: &CancellationToken,
    dead_letters: &mut DeadLetters,
) -> Result<()> {
    let filter = Filter::of(tenant);
    let mut reader = Reader::open(queue, MAX_IN_HAND).await?;
    let ended = loop {
        if stop.is_cancelled() {
            break Ok(());
        }
        let found = match reader.next().await {
            Ok(Some(found)) => found,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        if !filter.matches(&found) {
            dead_letters.doubtful += u64::from(may_be_of(&found, tenant));
            continue;
        }
        if !is_dry && let Err(failure) = reader.delete(&found).await {
            break Err(failure);
        }
        dead_letters.erased += 1;
    };
    // The letters of one tenant are in order in a FIFO queue, and those of this one are deleted as they are read.
    dead_letters.unseen = if is_dry { reader.unseen() } else { reader.unread() };
    reader.close().await;
    Ok(ended?)
}

fn may_be_of(found: &Found, tenant: &TenantId) -> bool {
    let is_named = found.letter.tenant.is_some() || found.subject().is_some();
    !is_named && found.letter.original.contains(tenant.as_str())
}

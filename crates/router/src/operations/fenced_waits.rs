//! The waits of writes for the end of a move, as an environment remembers them.
//!
//! A write that waits holds its environment. A fence that stays closed for long, since its source is slow to drain or the run of
//! the move has died, would fill the router's concurrency so, and every other tenant would be turned away.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use cellstack_core::TenantId;
use cellstack_core::limits::FENCED_WAIT_PAUSE;
use cellstack_core::sync::lock;
use lru::LruCache;
use tokio::time::Instant;

/// Tenants that are remembered: as many as may move at once.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// The tenants for which a write has waited in vain, each with the time until which no other waits.
pub(crate) struct FencedWaits(Mutex<LruCache<TenantId, Instant>>);

impl Default for FencedWaits {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }
}

impl FencedWaits {
    /// Returns whether a write of the tenant may wait.
    pub(crate) fn may_wait(&self, tenant: &TenantId) -> bool {
        lock(&self.0).get(tenant).is_none_or(|until| Instant::now() >= *until)
    }

    /// Remembers that a write of the tenant has waited in vain. `random` draws the time for which no other waits, up to twice
    /// [`FENCED_WAIT_PAUSE`]: environments that began to wait together must not do so again.
    pub(crate) fn in_vain(&self, tenant: &TenantId, random: u8) {
        let pause = FENCED_WAIT_PAUSE + FENCED_WAIT_PAUSE * u32::from(random) / u32::from(u8::MAX);
        lock(&self.0).put(tenant.clone(), Instant::now() + pause);
    }
}

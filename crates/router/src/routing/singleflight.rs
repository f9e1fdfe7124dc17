//! Single flight: of requests that want the same key read, one reads it and the others wait.

use cellstack_core::sync::lock;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Mutex as Permits, OwnedMutexGuard};

/// In-flight reads by key. A waiter rechecks the cache before it reads.
#[derive(Debug)]
pub(crate) struct Singleflight<K: Hash + Eq>(Mutex<HashMap<K, Arc<Permits<()>>>>);

impl<K: Hash + Eq + Clone> Singleflight<K> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// Waits for the permit to read `key`.
    pub(crate) async fn acquire(&self, key: &K) -> Permit<'_, K> {
        // Made before the wait: a waiter that is dropped leaves like one that had its permit.
        let mut permit = Permit { singleflight: self, key: key.clone(), held: None };
        let permits = Arc::clone(self.lock().entry(key.clone()).or_default());
        permit.held = Some(permits.lock_owned().await);
        permit
    }

    /// Returns the permit to read `key`, unless another request has it.
    pub(crate) fn try_acquire(&self, key: &K) -> Option<Permit<'_, K>> {
        let permits = Arc::clone(self.lock().entry(key.clone()).or_default());
        let held = permits.try_lock_owned().ok()?;
        Some(Permit { singleflight: self, key: key.clone(), held: Some(held) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Permits<()>>>> {
        lock(&self.0)
    }
}

/// The permit to read a key. Dropping it passes it on.
pub(crate) struct Permit<'a, K: Hash + Eq + Clone> {
    singleflight: &'a Singleflight<K>,
    key: K,
    held: Option<OwnedMutexGuard<()>>,
}

impl<K: Hash + Eq + Clone> Drop for Permit<'_, K> {
    fn drop(&mut self) {
        self.held = None;
        let mut singleflight = self.singleflight.lock();
        // Only the map holds it: nobody waits.
        if singleflight.get(&self.key).is_some_and(|permits| Arc::strong_count(permits) == 1) {
            singleflight.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_permit_and_nothing_is_left_behind() {
        let singleflight = Singleflight::new();
        let first = singleflight.acquire(&"a").await;
        assert!(singleflight.try_acquire(&"a").is_none());
        assert!(singleflight.try_acquire(&"b").is_some());
        let waiting = singleflight.acquire(&"a");
        let cancelled = singleflight.acquire(&"a");
        let mut waiting = std::pin::pin!(waiting);
        {
            let mut cancelled = std::pin::pin!(cancelled);
            assert!(futures_poll(&mut waiting).is_pending());
            assert!(futures_poll(&mut cancelled).is_pending());
        }
        drop(first);
        let second = waiting.await;
        assert_eq!(singleflight.lock().len(), 1);
        drop(second);
        assert!(singleflight.lock().is_empty());
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(future).poll(&mut context)
    }
}

//! Single flight: of those who want the same thing read, one reads it and the others wait for that.

use cellstack_core::sync::lock;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

/// Who reads what. Whoever gets the turn after another looks first whether the other's answer will do.
#[derive(Debug)]
pub(crate) struct Singleflight<K: Hash + Eq>(Mutex<HashMap<K, Arc<Turns<()>>>>);

impl<K: Hash + Eq + Clone> Singleflight<K> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// Waits for the turn to read `key`.
    pub(crate) async fn turn(&self, key: &K) -> Permit<'_, K> {
        // Made before the wait: a waiter that is given up leaves as one that had its turn.
        let mut turn = Permit { singleflight: self, key: key.clone(), held: None };
        let turns = Arc::clone(self.lock().entry(key.clone()).or_default());
        turn.held = Some(turns.lock_owned().await);
        turn
    }

    /// The turn to read `key`, if nobody has it.
    pub(crate) fn try_acquire(&self, key: &K) -> Option<Permit<'_, K>> {
        let turns = Arc::clone(self.lock().entry(key.clone()).or_default());
        let held = turns.try_lock_owned().ok()?;
        Some(Permit { singleflight: self, key: key.clone(), held: Some(held) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Turns<()>>>> {
        lock(&self.0)
    }
}

/// The turn to read something; dropping it passes it on.
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
        if singleflight.get(&self.key).is_some_and(|turns| Arc::strong_count(turns) == 1) {
            singleflight.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_and_nothing_is_left_behind() {
        let singleflight = Singleflight::new();
        let first = singleflight.turn(&"a").await;
        assert!(singleflight.try_acquire(&"a").is_none());
        assert!(singleflight.try_acquire(&"b").is_some());
        let waiting = singleflight.turn(&"a");
        let given_up = singleflight.turn(&"a");
        let mut waiting = std::pin::pin!(waiting);
        {
            let mut given_up = std::pin::pin!(given_up);
            assert!(futures_poll(&mut waiting).is_pending());
            assert!(futures_poll(&mut given_up).is_pending());
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

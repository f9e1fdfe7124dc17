//! A bounded cache whose entries are good for a lease, and useful beyond it.
//!
//! An entry past its lease is *stale*, not gone: when the map can't be read, a stale route with a fenced write is what
//! keeps a tenant served. So only "not found" removes an entry, an error never does, and an older version never
//! replaces a newer one.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::ambient::Reading;

/// Something that knows which of two readings of it is the newer.
pub trait Versioned {
    /// Grows with each change.
    fn version(&self) -> u64;
}

/// What the cache knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<V> {
    /// Read less than a lease ago.
    Fresh(V),
    /// Read longer ago than a lease.
    Stale(V),
    /// Read not long ago, and there was none.
    NotFound,
    /// Nothing is known.
    Unknown,
}

struct Entry<V> {
    value: Option<V>,
    read: Reading,
}

/// See the module.
pub struct LeaseCache<K, V> {
    lease: Duration,
    not_found_lease: Duration,
    entries: Mutex<LruCache<K, Entry<V>>>,
}

impl<K: Hash + Eq, V: Clone + Versioned> LeaseCache<K, V> {
    /// An empty cache of at most `capacity` entries; the least recently used goes first.
    #[must_use]
    pub fn new(capacity: usize, lease: Duration, not_found_lease: Duration) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Self { lease, not_found_lease, entries: Mutex::new(LruCache::new(capacity)) }
    }

    /// What is known of `key` at `now`.
    pub fn look_up(&self, key: &K, now: Reading) -> Lookup<V> {
        let mut entries = self.lock();
        match entries.get(key) {
            None => Lookup::Unknown,
            Some(Entry { value: Some(value), read }) if read.age_at(now) < self.lease => Lookup::Fresh(value.clone()),
            Some(Entry { value: Some(value), .. }) => Lookup::Stale(value.clone()),
            Some(Entry { value: None, read }) if read.age_at(now) < self.not_found_lease => Lookup::NotFound,
            Some(Entry { value: None, .. }) => Lookup::Unknown,
        }
    }

    /// Notes the answer to a read that was sent at `sent` (the age counts from before the read, since its answer may
    /// be as old as that), and returns what now counts: an older version never replaces a newer one.
    pub fn store(&self, key: K, value: Option<V>, sent: Reading) -> Option<V> {
        let mut entries = self.lock();
        if let Some(new) = &value
            && let Some(Entry { value: Some(known), .. }) = entries.peek(&key)
            && known.version() > new.version()
        {
            return Some(known.clone());
        }
        entries.put(key, Entry { value: value.clone(), read: sent });
        value
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<K, Entry<V>>> {
        // A panic while the lock was held can't leave an entry half written.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ambient;
    use crate::ambient::FixedAmbient;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct V(u64);
    impl Versioned for V {
        fn version(&self) -> u64 {
            self.0
        }
    }

    fn cache() -> LeaseCache<&'static str, V> {
        LeaseCache::new(2, Duration::from_secs(300), Duration::from_secs(2))
    }

    #[test]
    fn an_entry_is_fresh_for_its_lease_and_stale_after() {
        let (time, cache) = (FixedAmbient::at_ms(1_000_000), cache());
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Unknown);
        cache.store("a", Some(V(1)), time.now());
        time.advance_ms(299_999);
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Fresh(V(1)));
        time.advance_ms(1);
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Stale(V(1)));
    }

    #[test]
    fn a_frozen_monotonic_clock_and_a_wall_clock_set_back_do_not_keep_an_entry_fresh() {
        let (time, cache) = (FixedAmbient::at_ms(1_000_000), cache());
        cache.store("a", Some(V(1)), time.now());
        time.freeze_ms(300_000);
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Stale(V(1)));

        cache.store("b", Some(V(1)), time.now());
        time.advance_ms(300_000);
        time.set_wall_ms(0);
        assert_eq!(cache.look_up(&"b", time.now()), Lookup::Stale(V(1)));
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one_but_not_found_evicts() {
        let (time, cache) = (FixedAmbient::at_ms(0), cache());
        cache.store("a", Some(V(2)), time.now());
        assert_eq!(cache.store("a", Some(V(1)), time.now()), Some(V(2)));
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Fresh(V(2)));
        cache.store("a", None, time.now());
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::NotFound);
        time.advance_ms(2_000);
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Unknown);
    }

    #[test]
    fn it_is_bounded() {
        let (time, cache) = (FixedAmbient::at_ms(0), cache());
        for key in ["a", "b", "c"] {
            cache.store(key, Some(V(1)), time.now());
        }
        assert_eq!(cache.look_up(&"a", time.now()), Lookup::Unknown);
        assert_eq!(cache.look_up(&"c", time.now()), Lookup::Fresh(V(1)));
    }
}

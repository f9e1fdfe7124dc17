//! A bounded cache whose entries are fresh for a lease, and useful beyond it.
//!
//! An entry past its lease is *stale*, not gone: while the map can't be read, a stale route with a fenced write keeps a
//! tenant served. So only "not found" removes an entry, an error never does, and an older version never replaces a
//! newer one. Where the source itself goes back to an older version, the cache keeps the newer one as stale.

use crate::sync::lock;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use lru::LruCache;

use crate::clock::Reading;

/// A value that knows which of two readings of it is the newer.
pub trait Versioned {
    /// Returns a number that grows with each change.
    fn version(&self) -> u64;
}

/// A clock for leases.
///
/// A frozen environment's monotonic clock may stand still, and a wall clock may jump. So between two readings the
/// larger step of the two clocks counts, and a step back counts as zero. A measured age is never too low, as long as at
/// least one of the clocks is right between two readings.
#[derive(Debug, Default)]
pub struct LeaseClock(Mutex<Option<(Reading, Duration)>>);

/// A moment on a [`LeaseClock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseTime(Duration);

impl LeaseClock {
    /// Returns the moment at which the environment's clocks show `reading`.
    pub fn now(&self, reading: Reading) -> LeaseTime {
        let mut state = lock(&self.0);
        let elapsed = state.map_or(Duration::ZERO, |(last, elapsed)| elapsed + last.age_at(reading));
        *state = Some((reading, elapsed));
        LeaseTime(elapsed)
    }
}

impl LeaseTime {
    /// Returns the time from `self` to `now`; zero if `now` is the earlier.
    #[must_use]
    pub const fn age_at(self, now: Self) -> Duration {
        now.0.saturating_sub(self.0)
    }

    /// Returns the moment this much earlier.
    #[must_use]
    pub const fn minus(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }

    /// Returns the moment this much later.
    #[must_use]
    pub const fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

/// The state of a key in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<V> {
    /// The value was read less than a lease ago.
    Fresh(V),
    /// The value is fresh, but will be stale soon: time to read it again, off the critical path.
    RefreshDue(V),
    /// The value was read longer ago than a lease, contradicted by its source, or never read from its source at all.
    Stale(V),
    /// A recent read found no such key.
    NotFound,
    /// The cache knows nothing of the key.
    Unknown,
}

/// The value that counts after a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<V> {
    /// The response to the read, or to a later one.
    Current(V),
    /// A value newer than the response: its source went back. It is stale until its source agrees with it again.
    Contradicted(V),
    /// The source does not have the key.
    NotFound,
}

struct Entry<V> {
    value: V,
    /// The time when the last read of the value was sent; `None` for a value from elsewhere.
    read: Option<LeaseTime>,
    /// That read found something else.
    contradicted: bool,
}

impl<V: Clone> Entry<V> {
    fn known(&self) -> Known<V> {
        let value = self.value.clone();
        if self.contradicted { Known::Contradicted(value) } else { Known::Current(value) }
    }
}

struct Entries<K, V> {
    found: LruCache<K, Entry<V>>,
    /// Keys that the source does not have, with the time of that read. They are kept apart, so that a loop over unknown
    /// names evicts nothing that is needed while the source is out of reach.
    missing: LruCache<K, LeaseTime>,
}

/// A cache that serves values beyond their lease, marked as stale.
pub struct LeaseCache<K, V> {
    lease: Duration,
    not_found_lease: Duration,
    entries: Mutex<Entries<K, V>>,
}

impl<K: Hash + Eq, V: Clone + Versioned> LeaseCache<K, V> {
    /// Returns an empty cache of at most `capacity` entries, and of `not_found` keys that were not found. The least
    /// recently used goes first.
    #[must_use]
    pub fn new(capacity: usize, lease: Duration, not_found: usize, not_found_lease: Duration) -> Self {
        let entries = Entries { found: bounded(capacity), missing: bounded(not_found) };
        Self { lease, not_found_lease, entries: Mutex::new(entries) }
    }

    /// Returns what the cache knows of `key` at `now`.
    pub fn look_up(&self, key: &K, now: LeaseTime) -> Lookup<V> {
        let mut entries = lock(&self.entries);
        if let Some(Entry { value, read, contradicted }) = entries.found.get(key) {
            return match read.filter(|_| !contradicted).map(|read| read.age_at(now)) {
                Some(age) if age < self.lease * 4 / 5 => Lookup::Fresh(value.clone()),
                Some(age) if age < self.lease => Lookup::RefreshDue(value.clone()),
                _ => Lookup::Stale(value.clone()),
            };
        }
        match entries.missing.get(key) {
            Some(read) if read.age_at(now) < self.not_found_lease => Lookup::NotFound,
            _ => Lookup::Unknown,
        }
    }

    /// Stores the response to a read that was sent at `sent`, and returns the value that now counts. The age counts
    /// from before the read, since the response may be as old as that.
    ///
    /// An older version never replaces a newer one; if it was read later, it makes the newer one stale. A response to
    /// an earlier read never makes anything fresh: of two responses that disagree, the one that was read later decides.
    pub fn store(&self, key: K, value: Option<V>, sent: LeaseTime) -> Known<V> {
        let mut entries = lock(&self.entries);
        let Entries { found, missing } = &mut *entries;
        let Some(new) = value else {
            if let Some(entry) = found.peek(&key)
                && entry.read.is_some_and(|read| read > sent)
            {
                return entry.known();
            }
            found.pop(&key);
            let read = missing.peek(&key).map_or(sent, |read| sent.max(*read));
            missing.put(key, read);
            return Known::NotFound;
        };
        if missing.peek(&key).is_some_and(|read| *read > sent) {
            return Known::NotFound;
        }
        let mut entry = Entry { value: new, read: Some(sent), contradicted: false };
        if let Some(known) = found.peek_mut(&key)
            && let Some(read) = known.read
        {
            let (new, old) = (entry.value.version(), known.value.version());
            if new < old {
                if sent >= read {
                    (known.read, known.contradicted) = (Some(sent), true);
                }
                return known.known();
            }
            if sent < read {
                if new == old {
                    return known.known();
                }
                (entry.read, entry.contradicted) = (Some(read), true);
            }
        }
        let counts = entry.known();
        missing.pop(&key);
        found.put(key, entry);
        counts
    }

    /// Returns the value that counts since a read of `key` that was sent after `since`, if there was one.
    pub fn read_since(&self, key: &K, since: LeaseTime) -> Option<Known<V>> {
        let entries = lock(&self.entries);
        if let Some(entry) = entries.found.peek(key) {
            return entry.read.is_some_and(|read| read > since).then(|| entry.known());
        }
        entries.missing.peek(key).is_some_and(|read| *read > since).then_some(Known::NotFound)
    }

    /// Stores a value that was not read from its source. It is stale from the start and never replaces a value that was
    /// read. Returns the value that now counts.
    pub fn insert_stale(&self, key: K, value: V) -> V {
        let mut entries = lock(&self.entries);
        if let Some(known) = entries.found.peek(&key) {
            return known.value.clone();
        }
        entries.found.put(key, Entry { value: value.clone(), read: None, contradicted: false });
        value
    }
}

/// Returns an empty map that grows as it fills. `LruCache::new` would allocate room for all entries at once, and most
/// environments never see so many.
fn bounded<K: Hash + Eq, V>(capacity: usize) -> LruCache<K, V> {
    let mut entries = LruCache::unbounded();
    entries.resize(NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN));
    entries
}

#[cfg(test)]
mod tests;

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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Clock;
    use crate::clock::FixedClock;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct V(u64);
    impl Versioned for V {
        fn version(&self) -> u64 {
            self.0
        }
    }

    /// A cache with its clocks.
    struct LeaseWorld {
        time: FixedClock,
        clock: LeaseClock,
        cache: LeaseCache<&'static str, V>,
    }

    impl LeaseWorld {
        fn new() -> Self {
            let cache = LeaseCache::new(2, Duration::from_secs(300), 3, Duration::from_secs(2));
            Self { time: FixedClock::at_ms(1_000_000), clock: LeaseClock::default(), cache }
        }
        fn now(&self) -> LeaseTime {
            self.clock.now(self.time.now())
        }
        fn look_up(&self, key: &'static str) -> Lookup<V> {
            self.cache.look_up(&key, self.now())
        }
        fn store(&self, key: &'static str, value: Option<u64>) -> Known<V> {
            self.cache.store(key, value.map(V), self.now())
        }
    }

    #[test]
    fn an_entry_is_fresh_for_its_lease_ageing_towards_its_end_and_stale_after() {
        let world = LeaseWorld::new();
        assert_eq!(world.look_up("a"), Lookup::Unknown);
        world.store("a", Some(1));
        world.time.advance_ms(239_999);
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(1)));
        world.time.advance_ms(60_000);
        assert_eq!(world.look_up("a"), Lookup::RefreshDue(V(1)));
        world.time.advance_ms(1);
        assert_eq!(world.look_up("a"), Lookup::Stale(V(1)));
    }

    #[test]
    fn a_frozen_monotonic_clock_and_a_wall_clock_set_back_do_not_keep_an_entry_fresh() {
        let world = LeaseWorld::new();
        world.store("a", Some(1));
        world.time.freeze_ms(300_000);
        assert_eq!(world.look_up("a"), Lookup::Stale(V(1)));

        world.store("b", Some(1));
        world.time.advance_ms(300_000);
        world.time.set_wall_ms(0);
        assert_eq!(world.look_up("b"), Lookup::Stale(V(1)));
    }

    #[test]
    fn a_wall_clock_set_back_before_a_freeze_does_not_hide_the_freeze() {
        let world = LeaseWorld::new();
        world.store("a", Some(1));
        world.time.set_wall_ms(0);
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(1)));
        world.time.freeze_ms(300_000);
        assert_eq!(world.look_up("a"), Lookup::Stale(V(1)));
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one_but_not_found_evicts() {
        let world = LeaseWorld::new();
        let early = world.now();
        world.time.advance_ms(1);
        world.store("a", Some(2));
        assert_eq!(world.cache.store("a", Some(V(1)), early), Known::Current(V(2)));
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(2)));
        world.store("a", None);
        assert_eq!(world.look_up("a"), Lookup::NotFound);
        world.time.advance_ms(2_000);
        assert_eq!(world.look_up("a"), Lookup::Unknown);
    }

    #[test]
    fn an_answer_asked_for_earlier_replaces_nothing_that_was_asked_for_later() {
        let world = LeaseWorld::new();
        let early = world.now();
        world.time.advance_ms(1);
        world.store("a", Some(1));
        assert_eq!(world.cache.store("a", None, early), Known::Current(V(1)));
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(1)));
        // A response of an earlier read must not make the entry look older than it is.
        world.time.advance_ms(239_998);
        assert_eq!(world.cache.store("a", Some(V(1)), early), Known::Current(V(1)));
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(1)));
        // Nor does it bring back a key that a later read did not find.
        world.store("a", None);
        assert_eq!(world.cache.store("a", Some(V(1)), early), Known::NotFound);
        assert_eq!(world.look_up("a"), Lookup::NotFound);
    }

    #[test]
    fn what_its_source_goes_back_on_is_stale_until_they_agree() {
        let world = LeaseWorld::new();
        world.store("a", Some(3));
        world.time.advance_ms(1);
        let since = world.now();
        world.time.advance_ms(1);
        assert_eq!(world.store("a", Some(1)), Known::Contradicted(V(3)));
        assert_eq!(world.look_up("a"), Lookup::Stale(V(3)));
        assert_eq!(world.cache.read_since(&"a", since), Some(Known::Contradicted(V(3))));
        world.time.advance_ms(1);
        assert_eq!(world.store("a", Some(3)), Known::Current(V(3)));
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(3)));
    }

    #[test]
    fn what_was_not_read_is_stale_and_gives_way_to_what_is() {
        let world = LeaseWorld::new();
        assert_eq!(world.cache.insert_stale("a", V(5)), V(5));
        assert_eq!(world.look_up("a"), Lookup::Stale(V(5)));
        world.store("b", Some(1));
        assert_eq!(world.cache.insert_stale("b", V(9)), V(1));
        assert_eq!(world.look_up("b"), Lookup::Fresh(V(1)));
        world.store("a", Some(6));
        assert_eq!(world.look_up("a"), Lookup::Fresh(V(6)));
    }

    #[test]
    fn it_is_bounded() {
        let world = LeaseWorld::new();
        for key in ["a", "b", "c"] {
            world.store(key, Some(1));
        }
        assert_eq!(world.look_up("a"), Lookup::Unknown);
        assert_eq!(world.look_up("c"), Lookup::Fresh(V(1)));
    }

    proptest! {
        /// Any number of unknown names evicts nothing that was found, and their own number is bounded.
        #[test]
        fn names_that_nobody_has_evict_nothing(names in prop::collection::vec(3_u16.., 0..200)) {
            let cache = LeaseCache::new(2, Duration::from_secs(300), 3, Duration::from_secs(2));
            let now = LeaseWorld::new().now();
            for key in [1, 2] {
                cache.store(key, Some(V(1)), now);
            }
            for name in &names {
                prop_assert_eq!(cache.store(*name, None, now), Known::NotFound);
                prop_assert_eq!(cache.look_up(name, now), Lookup::NotFound);
            }
            for key in [1, 2] {
                prop_assert_eq!(cache.look_up(&key, now), Lookup::Fresh(V(1)));
            }
            prop_assert!(lock(&cache.entries).missing.len() <= 3);
        }

        /// Reads return in any order, and their source goes back and forth. A fresh value is that of the read that was
        /// sent last, and a value that a read returns as current is fresh.
        #[test]
        fn what_is_fresh_is_what_the_last_read_said(
            reads in prop::collection::vec((0_u64..50, prop::option::weighted(0.8, 0_u64..5)), 1..40),
        ) {
            let world = LeaseWorld::new();
            let start = world.now();
            world.time.advance_ms(50);
            let now = world.now();
            let mut last: Option<(u64, Option<u64>)> = None;
            for (sent, version) in reads {
                // Two reads of one moment have no order.
                if last.is_some_and(|(last, _)| last == sent) {
                    continue;
                }
                if last.is_none_or(|(last, _)| last < sent) {
                    last = Some((sent, version));
                }
                let counts = world.cache.store("a", version.map(V), start.plus(Duration::from_millis(sent)));
                let said = last.and_then(|(_, version)| version).map(V);
                match world.cache.look_up(&"a", now) {
                    Lookup::Fresh(value) => {
                        prop_assert_eq!(Some(&value), said.as_ref());
                        prop_assert_eq!(counts, Known::Current(value));
                    }
                    Lookup::Stale(value) => prop_assert_eq!(counts, Known::Contradicted(value)),
                    Lookup::NotFound => {
                        prop_assert_eq!(said, None);
                        prop_assert_eq!(counts, Known::NotFound);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }

        /// As long as one of the clocks is right between two readings, no age is below the truth.
        #[test]
        fn an_age_is_never_below_the_truth(steps in prop::collection::vec((0_u64..100_000, 0..3_u8, any::<u32>()), 1..50)) {
            let world = LeaseWorld::new();
            let start = world.now();
            let mut truth = 0;
            for (ms, lie, to) in steps {
                truth += ms;
                match lie {
                    0 => world.time.advance_ms(ms),
                    1 => world.time.freeze_ms(ms),
                    _ => {
                        world.time.advance_ms(ms);
                        world.time.set_wall_ms(u64::from(to));
                    }
                }
                prop_assert!(start.age_at(world.now()) >= Duration::from_millis(truth));
            }
        }
    }
}

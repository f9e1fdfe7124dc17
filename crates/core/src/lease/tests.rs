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
fn an_entry_is_fresh_for_its_lease_due_for_refresh_towards_its_end_and_stale_after() {
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
fn a_response_asked_for_earlier_replaces_nothing_that_was_asked_for_later() {
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

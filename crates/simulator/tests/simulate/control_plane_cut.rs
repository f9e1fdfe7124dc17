//! Ten minutes without the map: the tenants that are served all the same, and the way that is done.

use std::time::Duration;

use cellstack_simulator::{CutOff, Mutation, control_plane_cut, each_seed};

/// Seeds within which a mutation must be found.
const SEEDS: u64 = 50;

#[test]
fn every_warm_tenant_is_served_by_fenced_writes_and_a_cold_one_is_refused_soon() {
    let (mut sum, mut slowest) = (CutOff::default(), Duration::ZERO);
    let seeds: Vec<u64> = (1..=8).collect();
    let run = |seed| control_plane_cut(seed, None, false);
    each_seed(&seeds, 2, run, |one| {
        assert_eq!(one.violations, [""; 0], "seed {}: {}", one.seed, one.drawn);
        assert_eq!((one.warm_served, one.plain_past_lease, one.below_fence), (one.warm, 0, 0), "seed {}", one.seed);
        for (sum, one) in [
            (&mut sum.warm, one.warm),
            (&mut sum.stale_served, one.stale_served),
            (&mut sum.fenced, one.fenced),
            (&mut sum.outdated, one.outdated),
            (&mut sum.after, one.after),
            (&mut sum.moves, one.moves),
        ] {
            *sum += one;
        }
        slowest = slowest.max(one.cold.iter().max().copied().unwrap_or_default());
        true
    })
    .unwrap();
    assert!(sum.stale_served > sum.warm / 2 && sum.fenced >= sum.stale_served, "{sum:?}");
    assert!(sum.warm > 500 && sum.outdated > 50 && sum.after > 100 && sum.moves > 10, "{sum:?}");
    assert!(slowest > Duration::from_millis(900) && slowest < Duration::from_millis(1_200), "{slowest:?}");
}

#[test]
fn a_seed_runs_the_same_way_again() {
    let [first, again] = [(); 2].map(|()| control_plane_cut(3, None, true).unwrap());
    assert_eq!(first.lines, again.lines);
    assert_eq!(first.hash, again.hash);
    assert_ne!(first.hash, control_plane_cut(4, None, false).unwrap().hash);
}

/// Asserts that one of the seeds shows a mutation as `shows` says.
fn find(mutation: Mutation, shows: impl Fn(&CutOff) -> bool) {
    let found = (1..=SEEDS).map(|seed| control_plane_cut(seed, Some(mutation), false).unwrap()).find(|one| shows(one));
    let found = found.unwrap_or_else(|| panic!("{mutation} was not found"));
    assert!(!found.violations.is_empty());
}

#[test]
fn a_lease_that_a_freeze_makes_longer_is_found() {
    find(Mutation::MonotonicLease, |one| one.plain_past_lease > 0);
    find(Mutation::MonotonicLease, |one| one.below_fence > 0);
}

#[test]
fn a_router_that_does_not_look_at_the_fence_is_found() {
    find(Mutation::UnfencedWrite, |one| one.plain_past_lease > 0);
    find(Mutation::UnfencedWrite, |one| one.below_fence > 0);
}

#[test]
fn a_mover_that_does_not_wait_for_the_leases_is_found() {
    find(Mutation::HastyMove, |one| one.below_fence > 0);
}

//! Bugs that are planted, and found.

use cellstack_local::simulate::{Mishap, Plant, Setup, await_points, excerpt, run, shrink};

/// Seeds a bug may take.
const SEEDS: u64 = 50;

/// The first run that shows the bug, and the invariant it breaks.
fn find(plant: Plant) -> (Setup, &'static str) {
    find_among(plant, Mishap::ALL)
}

/// The same with fewer kinds of fault.
fn find_among(plant: Plant, faults: &[Mishap]) -> (Setup, &'static str) {
    let like = Setup { events: 60, plant: Some(plant), faults: faults.to_vec(), ..Setup::new(0) };
    let points = await_points(&like).unwrap();
    let found = (1..=SEEDS).find_map(|seed| {
        let setup = Setup { seed, ..like.clone() };
        let outcome = run(&setup, &points, false).unwrap();
        outcome.violations.first().map(|violation| (setup, violation.invariant))
    });
    found.unwrap_or_else(|| panic!("{plant} was not found"))
}

#[test]
fn a_partial_failure_that_is_dropped() {
    assert_eq!(find(Plant::DropPartialFailure).1, "I5");
}

#[test]
fn a_mark_before_the_effect_and_the_shortest_run_that_shows_it() {
    let (setup, invariant) = find(Plant::MarkBeforeEffect);
    assert_eq!(invariant, "I2");

    let (shortest, outcome) = shrink(&setup, &await_points(&setup).unwrap()).unwrap();
    assert!(shortest.events < setup.events / 2, "{shortest:?}");
    assert!(outcome.plan.len() <= 2, "{:?}", outcome.plan);
    assert!(outcome.violations.iter().any(|violation| violation.invariant == invariant), "{:?}", outcome.violations);
    assert!(!excerpt(&outcome).is_empty());
}

#[test]
fn a_conflict_taken_for_a_duplicate() {
    assert_eq!(find(Plant::ConflictIsDuplicate).1, "I5");
}

#[test]
fn poison_that_is_retried_for_ever() {
    let invariant = find(Plant::RetryForever).1;
    assert!(["I5", "I7"].contains(&invariant), "{invariant}");
}

#[test]
fn a_fence_that_is_closed_before_the_leases_have_run_out() {
    assert_eq!(find_among(Plant::HastyMove, &[Mishap::Move, Mishap::Slow]).1, "I3");
}

#[test]
fn a_lease_that_knows_one_clock_only() {
    assert_eq!(find_among(Plant::MonotonicLease, &[Mishap::Move, Mishap::Map]).1, "I3");
}

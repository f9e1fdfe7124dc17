//! Mutations that are planted, and found.

use cellstack_local::simulate::{Fault, Mutation, Setup, await_points, excerpt, run, shrink};

/// Seeds a mutation may take.
const SEEDS: u64 = 50;

/// The first run that shows the mutation, and the invariants it breaks.
fn find_among(mutation: &str, faults: &[Fault]) -> (Setup, Vec<&'static str>) {
    let mutation: Mutation = mutation.parse().unwrap();
    let like = Setup { events: 60, mutation: Some(mutation), faults: faults.to_vec(), ..Setup::new(0) };
    let points = await_points(&like).unwrap();
    let found = (1..=SEEDS).find_map(|seed| {
        let setup = Setup { seed, ..like.clone() };
        let outcome = run(&setup, &points, false).unwrap();
        let mut invariants: Vec<_> = outcome.violations.iter().map(|violation| violation.invariant).collect();
        invariants.dedup();
        (!invariants.is_empty()).then_some((setup, invariants))
    });
    found.unwrap_or_else(|| panic!("{mutation} was not found"))
}

/// Asserts that a mutation is found, by one of these invariants among others.
fn found(mutation: &str, faults: &[Fault], by: &[&str]) {
    let (setup, invariants) = find_among(mutation, faults);
    assert!(invariants.iter().any(|invariant| by.contains(invariant)), "seed {}: {invariants:?}", setup.seed);
}

#[test]
fn a_fence_that_is_closed_before_the_leases_have_run_out() {
    found("hasty-move", &[Fault::Move, Fault::Slow], &["I3"]);
}

#[test]
fn a_lease_that_knows_one_clock_only() {
    found("monotonic-lease", &[Fault::Move, Fault::Map], &["I3"]);
}

#[test]
fn a_letter_that_is_deleted_before_its_event_is_sent() {
    found("letter-deleted-before-sent", &[Fault::Redrive, Fault::Poison], &["I5", "REDRIVE"]);
}

#[test]
fn every_mutation_has_a_name_that_is_read_back() {
    for mutation in Mutation::all() {
        assert_eq!(mutation.as_str().parse(), Ok(mutation));
    }
    assert!("gremlin".parse::<Mutation>().unwrap_err().contains("unfenced-write"));
}

#[test]
fn the_shortest_run_that_shows_a_mutation_is_short() {
    let (setup, invariants) = find_among("letter-deleted-before-sent", Fault::ALL);
    let (shortest, outcome) = shrink(&setup, &await_points(&setup).unwrap()).unwrap();
    assert!(shortest.events < setup.events, "{shortest:?}");
    assert!(outcome.plan.len() <= 3, "{:?}", outcome.plan);
    assert!(outcome.violations.iter().any(|found| found.invariant == invariants[0]), "{:?}", outcome.violations);
    assert!(!excerpt(&outcome).is_empty());
}

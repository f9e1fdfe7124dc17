//! Mutations that are planted, and found.

use cellstack_consumer::Totals;
use cellstack_simulator::{Fault, Mutation, Setup, await_points, excerpt, fence_bursts, run, shrink};

/// Seeds within which a mutation must be found.
const SEEDS: u64 = 50;

/// Asserts that a mutation breaks one of these invariants under one of these seeds, and that nothing is broken there
/// without it. Returns the run that shows it.
fn found_among(mutation: &str, faults: &[Fault], by: &[&str], seeds: impl Iterator<Item = u64>) -> Setup {
    let mutation: Mutation = mutation.parse().unwrap();
    let like = Setup { events: 60, mutation: Some(mutation), faults: faults.to_vec(), ..Setup::new(0) };
    let points = await_points(&Totals, &like).unwrap();
    let violations = |setup: &Setup| run(&Totals, setup, &points, false).unwrap().violations;
    let found = seeds
        .map(|seed| Setup { seed, ..like.clone() })
        .find(|setup| violations(setup).iter().any(|violation| by.contains(&violation.invariant)));
    let found = found.unwrap_or_else(|| panic!("{mutation} was not found"));
    assert_eq!(violations(&Setup { mutation: None, ..found.clone() }), [], "seed {} without it", found.seed);
    found
}

fn found(mutation: &str, faults: &[Fault], by: &[&str]) -> Setup {
    found_among(mutation, faults, by, 1..=SEEDS)
}

/// Asserts the same among the seeds whose cells keep order.
fn found_in_order(mutation: &str, faults: &[Fault]) {
    found_among(mutation, faults, &["ORDER"], (1..=SEEDS).filter(|seed| seed % 4 == 3));
}

#[test]
fn a_partial_failure_that_is_dropped() {
    found("partial-failure-dropped", &[Fault::Partial], &["I5"]);
}

#[test]
fn a_mark_before_the_effect_and_the_shortest_run_that_shows_it() {
    let faults = [Fault::Kill, Fault::Error, Fault::Reset, Fault::Throttle, Fault::Poison];
    let setup = found("marked-before-effect", &faults, &["I2"]);
    let (shortest, outcome) = shrink(&Totals, &setup, &await_points(&Totals, &setup).unwrap()).unwrap();
    assert!(shortest.events < setup.events, "{shortest:?}");
    assert!(outcome.plan.len() <= 3, "{:?}", outcome.plan);
    assert!(outcome.violations.iter().any(|violation| violation.invariant == "I2"), "{:?}", outcome.violations);
    assert!(!excerpt(&outcome.lines, &outcome.violations[0].detail).is_empty());
}

#[test]
fn a_mark_before_the_letter() {
    let faults = [Fault::Poison, Fault::Kill, Fault::Error, Fault::Throttle];
    found("marked-before-letter", &faults, &["I5"]);
}

#[test]
fn a_letter_that_is_deleted_before_its_event_is_sent() {
    found("letter-deleted-before-sent", &[Fault::Redrive, Fault::Poison], &["I5", "REDRIVE"]);
}

#[test]
fn a_conflict_taken_for_a_duplicate() {
    found("conflict-is-duplicate", &[Fault::Conflict], &["I5"]);
}

#[test]
fn conflicts_that_are_retried_in_step() {
    let mutations = [None, Some("conflict-without-jitter".parse().unwrap())];
    let [without, with] = mutations.map(|mutation| fence_bursts(1, mutation).unwrap());
    assert!(without >= 0.999, "{without}");
    assert!(with < 0.9, "{with}");
}

#[test]
fn poison_that_is_retried_for_ever() {
    found("poison-retried-forever", &[Fault::Poison], &["I5", "I7"]);
}

#[test]
fn events_that_pass_one_that_must_come_first() {
    found_in_order("blocked-ignored", &[Fault::Poison]);
}

#[test]
fn an_event_that_overtakes_one_that_could_not_be_published() {
    found_in_order("entry-overtakes", &[Fault::Partial]);
}

#[test]
fn a_slow_query_that_opens_the_breaker_of_writes() {
    found("totals-open-breaker", &[Fault::Bulk], &["I6"]);
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
fn a_conflict_taken_for_a_write() {
    found("conflict-is-written", &[Fault::Conflict], &["I1"]);
}

#[test]
fn a_standby_that_processes_what_it_should_hold() {
    found("held-is-accepted", &[Fault::MarkDown], &["I4"]);
}

#[test]
fn a_held_event_that_is_published() {
    found("held-is-published", &[Fault::MarkDown], &["HELD"]);
}

#[test]
fn a_try_that_counts_for_the_neighbours() {
    found("tries-spread", &[Fault::Poison], &["NEIGHBOURS"]);
}

#[test]
fn another_event_under_a_known_name_taken_for_a_repeat() {
    found("clash-is-repeat", &[], &["API"]);
}

#[test]
fn every_mutation_has_a_name_that_is_read_back() {
    for mutation in Mutation::all() {
        assert_eq!(mutation.as_str().parse(), Ok(mutation));
    }
    assert!("gremlin".parse::<Mutation>().unwrap_err().contains("unfenced-write"));
}

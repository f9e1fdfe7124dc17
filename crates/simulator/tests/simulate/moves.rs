//! Tenants that are moved under faults, and the mistakes of a move that are found.

use cellstack_simulator::{Moved, Mutation, each_seed, moves};

/// Seeds under which nothing is wrong without a mutation. Under 11, standbys of a cell that keeps order hold events. Under 823, a router
/// that knows the cell as down thaws when the cell is up and the registry can't be read.
const CLEAN: [u64; 5] = [1, 2, 3, 11, 823];

#[test]
fn no_event_is_lost_or_done_twice_whatever_kills_a_move() {
    let mut sum = Moved::default();
    each_seed(
        &CLEAN,
        2,
        |seed| moves(seed, None, false),
        |one| {
            assert_eq!(one.violations, [""; 0], "seed {}: {}", one.seed, one.drawn);
            sum.add(&one);
            true
        },
    )
    .unwrap();
    assert!(sum.flipped > 2 && sum.differed > 0, "{sum:?}");
    assert!(sum.killed > 2, "{sum:?}");
    assert!(sum.marked > 1 && sum.held > 5, "{sum:?}");
    assert!(sum.purged > 0, "{sum:?}");
}

#[test]
fn a_seed_runs_the_same_way_again() {
    let [first, again] = [(); 2].map(|()| moves(3, None, true).unwrap());
    assert_eq!(first.lines, again.lines);
    assert_eq!(first.hash, again.hash);
}

/// Asserts that a mutation is found under a seed that is clean without it.
fn found(mutation: &str, seed: u64) {
    let mutation: Mutation = mutation.parse().unwrap();
    assert!(CLEAN.contains(&seed));
    assert!(!moves(seed, Some(mutation), false).unwrap().violations.is_empty(), "{mutation} was not found");
}

#[test]
fn a_fence_that_is_closed_before_the_routers_leases_are_over() {
    found("lease-not-awaited", 1);
}

#[test]
fn a_flip_while_the_source_still_has_events_to_process() {
    found("flip-before-drain", 1);
}

#[test]
fn an_event_that_is_not_done_and_is_copied_all_the_same() {
    found("pending-not-carried", 1);
}

#[test]
fn a_comparison_that_is_left_out() {
    found("comparison-skipped", 1);
}

#[test]
fn held_events_that_come_home_out_of_order() {
    found("carried-by-key", 11);
}

#[test]
fn a_fence_of_which_half_is_closed() {
    found("fence-half-closed", 3);
}

#[test]
fn an_event_that_is_held_by_a_mark_that_has_ended() {
    found("old-mark-counts", 823);
}

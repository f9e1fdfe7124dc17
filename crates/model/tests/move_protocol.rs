//! Every state of the move protocol, within bounds, and the mistakes that break it.
//!
//! `cargo test -p cellstack-model -- --nocapture` prints the number of states, and the counterexamples.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "a test's helpers print, and end the test")]

use cellstack_model::{Mistake, Model};

/// One event, one router, two runs.
const SMALL: Model = Model { events: 1, routers: 1, runs: 2, failures: false, mistake: None };

/// Asserts that the protocol keeps its promises in all states, of which there are at least so many.
fn holds(model: Model, at_least: usize) {
    let explored = model.explore().unwrap_or_else(|found| panic!("{found}"));
    println!("{model:?}: {explored:?}");
    assert!(explored.states >= at_least, "{explored:?}: too few states");
}

/// Asserts that a mistake breaks the property of this name, and that nothing is broken without it.
fn is_found(mistake: Mistake, failures: bool, property: &str) {
    let found = Model { mistake: Some(mistake), failures, ..SMALL }.explore().unwrap_err();
    println!("{mistake:?} breaks {found}");
    assert!(found.property.starts_with(property), "{found}");
}

#[test]
fn one_event_that_can_fail_and_be_redriven() {
    holds(Model { failures: true, ..SMALL }, 100_000);
}

#[test]
fn two_events_and_a_router() {
    holds(Model { events: 2, ..SMALL }, 500_000);
}

#[test]
fn one_event_and_two_routers() {
    holds(Model { routers: 2, ..SMALL }, 500_000);
}

#[test]
fn two_events_two_routers_and_a_run_that_is_resumed() {
    holds(Model { events: 2, routers: 2, runs: 1, ..SMALL }, 100_000);
}

#[test]
fn a_lease_that_is_not_awaited() {
    is_found(Mistake::LeaseNotAwaited, false, "I3");
}

#[test]
fn a_flip_before_the_source_is_drained() {
    is_found(Mistake::FlipBeforeDrain, false, "I4");
}

#[test]
fn a_pending_event_that_is_copied_and_not_carried() {
    is_found(Mistake::PendingCopied, false, "I4");
}

#[test]
fn a_rest_that_is_not_compared() {
    is_found(Mistake::RestSkipped, false, "I1");
}

#[test]
fn a_fence_that_is_half_closed() {
    is_found(Mistake::FenceHalfClosed, false, "I4");
}

#[test]
fn a_run_that_does_not_check_its_record() {
    is_found(Mistake::RecordUnchecked, false, "I3");
}

#[test]
fn a_frozen_event_that_is_copied_without_a_check() {
    is_found(Mistake::FrozenCopied, false, "I5");
}

#[test]
fn a_failed_event_that_is_copied_without_a_check() {
    is_found(Mistake::FailedCopied, true, "I5");
}

#[test]
fn a_fenced_write_that_is_not_in_the_journal() {
    is_found(Mistake::JournalNotWritten, false, "I4");
}

#[test]
fn a_journal_that_is_relied_on_too_early() {
    is_found(Mistake::JournalTooEarly, false, "I4");
}

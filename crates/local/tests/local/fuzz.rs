//! A bounded run of the fuzzer; `make fuzz` runs a million.

use std::collections::{BTreeMap, BTreeSet};

use cellstack_local::fuzz::{Form, Fuzz, Report};

/// The number of requests that a debug build runs within some seconds.
const BODIES: u64 = 12_000;

fn run(bodies: u64, from: u64, threads: usize) -> Report {
    Fuzz { bodies, from, seed: 1, threads }.run(&|_| ()).unwrap()
}

#[test]
fn nothing_is_found_and_the_requests_reach_deep() {
    let Report { tally, finding } = run(BODIES, 0, 2);
    assert_eq!(finding, None);
    assert_eq!(tally.values().sum::<u64>(), BODIES);

    let mut outcomes: BTreeMap<(u16, &str), BTreeSet<Form>> = BTreeMap::new();
    for (status, problem, form) in tally.keys() {
        outcomes.entry((*status, problem)).or_default().insert(*form);
    }
    for kind in [
        (200, ""),
        (400, "invalid-event"),
        (400, "invalid-request"),
        (400, "missing-tenant"),
        (401, "unauthenticated"),
        (403, "tenant-mismatch"),
        (404, "unknown-tenant"),
        (404, "unknown-event"),
        (404, "unknown-path"),
        (405, "method-not-allowed"),
        (409, "idempotency-conflict"),
        (413, "too-large"),
        (415, "unsupported-media-type"),
        (431, "headers-too-large"),
    ] {
        assert!(outcomes.contains_key(&kind), "no request got {kind:?}");
    }
    for form in [Form::Plain, Form::Structured, Form::Binary, Form::Sample, Form::Broken] {
        assert!(outcomes[&(202, "")].contains(&form), "no {} event was accepted", form.as_str());
    }
    for status in [200, 207] {
        assert!(outcomes[&(status, "")].contains(&Form::Batch), "no batch got {status}");
    }
    let accepted: u64 = tally.iter().filter(|((status, ..), _)| *status == 202).map(|(_, times)| times).sum();
    assert!(accepted > BODIES / 6, "only {accepted} were accepted");
}

#[test]
fn a_case_follows_from_its_seed_and_number() {
    let (one, other) = (run(2_000, 0, 1), run(2_000, 0, 2));
    assert_eq!(one.tally, other.tally);
    let (first, second) = (run(1_000, 0, 1).tally, run(1_000, 1_999, 1).tally);
    let mut sum = first;
    for (outcome, times) in second {
        *sum.entry(outcome).or_default() += times;
    }
    assert_eq!(sum, one.tally);
}

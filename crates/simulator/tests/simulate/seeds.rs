//! Seeds, with everything that can go wrong.

use std::collections::{BTreeMap, BTreeSet};

use cellstack_consumer::Totals;
use cellstack_simulator::{Coverage, Fault, Hits, INVARIANTS, Setup, add_up, await_points, run, run_all};

fn small() -> Setup {
    Setup { events: 60, ..Setup::new(0) }
}

#[test]
fn every_invariant_holds_and_every_await_point_is_killed_at() {
    let (like, seeds) = (Setup { events: 150, ..small() }, (1..=32).collect::<Vec<_>>());
    let points = await_points(&Totals, &like).unwrap();
    let (mut coverage, mut events, mut hits, mut checks) = (Coverage::new(), 0, Hits::default(), BTreeMap::new());
    run_all(&Totals, &like, &seeds, &points, 2, |outcome| {
        assert_eq!(outcome.violations, [], "seed {}: {:#?}", outcome.seed, outcome.plan);
        let accounted = outcome.processed + outcome.dead + outcome.held;
        assert_eq!(outcome.accepted, accounted, "seed {}", outcome.seed);
        add_up(&mut coverage, &outcome.coverage);
        hits.extend(&outcome.hits);
        for (invariant, times) in outcome.checks {
            *checks.entry(invariant).or_insert(0) += times;
        }
        events += outcome.accepted;
        true
    })
    .unwrap();
    assert!(events > seeds.len() * like.events * 9 / 10, "{events} events were accepted");
    let functions: BTreeSet<_> = points.iter().map(|point| point.function()).collect();
    assert_eq!(functions, BTreeSet::from(["consumer", "producer", "router"]));
    let missed: Vec<_> = points.iter().filter(|point| coverage[point].killed == 0).map(ToString::to_string).collect();
    assert!(missed.is_empty(), "nobody was killed at {missed:?}");
    assert_eq!(hits.dead(Fault::ALL), [""; 0], "every kind of fault strikes");
    for (invariant, what) in INVARIANTS {
        assert!(checks.get(invariant).is_some_and(|times| *times > 0), "nobody checked {invariant}: {what}");
    }
}

#[test]
fn a_seed_runs_the_same_way_again_on_any_thread() {
    let like = small();
    let points = await_points(&Totals, &like).unwrap();
    for seed in [3, 4] {
        let setup = Setup { seed, ..like.clone() };
        let first = run(&Totals, &setup, &points, true).unwrap();
        let again =
            std::thread::scope(|scope| scope.spawn(|| run(&Totals, &setup, &points, true)).join().unwrap()).unwrap();
        assert_eq!(first.lines, again.lines, "seed {seed}");
        assert_eq!(first.hash, again.hash, "seed {seed}");
    }
    let hashes: BTreeSet<_> =
        [5, 6].map(|seed| run(&Totals, &Setup { seed, ..like.clone() }, &points, false).unwrap().hash).into();
    assert_eq!(hashes.len(), 2, "two seeds are two runs");
}

#[test]
fn nothing_goes_wrong_where_nothing_is_to_go_wrong() {
    let outcome = run(&Totals, &Setup { faults: Vec::new(), ..small() }, &[], false).unwrap();
    assert_eq!(outcome.violations, []);
    assert_eq!((outcome.dead, outcome.processed), (0, outcome.accepted));
    assert_eq!(outcome.plan, [""; 0]);
}

#[test]
fn each_kind_of_fault_has_a_name_that_is_read_back() {
    for fault in Fault::ALL {
        assert_eq!(fault.as_str().parse(), Ok(*fault));
    }
    assert!("flood".parse::<Fault>().unwrap_err().contains("throttle, error"));
}

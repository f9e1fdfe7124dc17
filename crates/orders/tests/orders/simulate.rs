//! Seeds, with everything that can go wrong.

use cellstack_orders::{Orders, Sandbox};
use cellstack_simulator::{Setup, await_points, run_all};

/// One keeps order, and one has standbys that process.
const SEEDS: [u64; 4] = [1, 3, 5, 8];

#[test]
fn stock_and_balance_are_exact_under_all_faults() {
    let (orders, like) = (Orders::new(Sandbox::default()), Setup { events: 60, ..Setup::new(0) });
    let points = await_points(&orders, &like).unwrap();
    let (mut processed, mut dead, mut checks) = (0, 0, 0);
    run_all(&orders, &like, &SEEDS, &points, 2, |outcome| {
        assert_eq!(outcome.violations, [], "seed {}: {:#?}", outcome.seed, outcome.plan);
        processed += outcome.processed;
        dead += outcome.dead;
        checks += outcome.checks["I2"];
        true
    })
    .unwrap();
    assert!(processed > 100, "{processed} events were processed");
    assert!(dead > 15, "{dead} were refused: orders that no stock is left for, and wrong ones");
    assert!(checks > 40, "{checks} checks");
}

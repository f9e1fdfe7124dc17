use proptest::prelude::*;

use super::*;

fn within(found: f64, expected: f64, off: f64) -> bool {
    (found - expected).abs() <= off
}

/// The figures of twelve cells and ten thousand tenants: two lost cells take one tenant in 66.
#[test]
fn twelve_cells_lose_as_little_as_can_be() {
    let report = run(&Scenario::default()).unwrap();
    assert_eq!((report.placed, report.refused), (10_000, 0));
    assert_eq!(report.overlap.pairs.keys().copied().collect::<Vec<_>>(), [151, 152]);
    assert!(report.load.most_over_mean <= 1.02, "{:?}", report.load);
    let [one, two, three] = &report.failures[..] else { panic!("{:?}", report.failures) };
    assert!(one.all && one.sets == 12 && two.sets == 66 && three.sets == 220);
    assert_eq!((one.worst.refused, two.cells.len()), (0.0, 2));
    assert!(two.worst.refused <= 1.0 / 66.0 + 1.0 / 10_000.0, "{two:?}");
    assert!(within(two.optimum, 1.0 / 66.0, 1e-12) && within(three.optimum, 3.0 / 66.0, 1e-12));
    assert!(three.worst.refused <= three.optimum + 3.0 / 10_000.0, "{three:?}");
    assert!(within(two.worst.hit, two.worst.refused + two.worst.held, 1e-12));
    // The rest of a lost cell is spread over eleven others.
    assert!(one.busiest_over_mean <= 1.0 + 1.0 / 11.0 + 0.03, "{one:?}");
}

#[test]
fn the_overlap_and_the_failures_agree() {
    for scenario in [
        Scenario { cells: 7, tenants: 500, skew: 0.9, room: 1.0, ..Scenario::default() },
        Scenario { cells: 5, tenants: 333, standbys: false, ..Scenario::default() },
    ] {
        let report = run(&scenario).unwrap();
        let (one, two) = (report.overlap.one.unwrap(), report.overlap.two.unwrap());
        assert!(within(report.failures[0].worst.refused, one.refused_share, 1e-12), "{scenario:?}");
        assert!(within(report.failures[1].worst.refused, two.refused_share, 1e-12), "{scenario:?}");
    }
}

#[test]
fn without_standbys_all_that_is_hit_is_refused() {
    let report = run(&Scenario { cells: 8, tenants: 800, standbys: false, ..Scenario::default() }).unwrap();
    let one = &report.failures[0];
    assert!(within(one.worst.refused, 0.125, 0.01) && one.worst.held == 0.0, "{one:?}");
    assert!(within(one.mean_refused, 0.125, 1e-12) && within(one.mean_hit, 0.125, 1e-12));
    assert_eq!(report.overlap.without_standby, 800);
}

#[test]
fn one_more_cell_takes_its_part_and_no_more() {
    let report = run(&Scenario::default()).unwrap();
    let growth = &report.growth;
    assert!(within(growth.even, 1.0 / 13.0, 1e-12));
    // Less the tolerance of the rebalance.
    assert!(within(growth.moved_load, growth.moved, 1e-12), "{growth:?}");
    assert!(growth.moved <= growth.even && growth.moved >= growth.even * 0.94, "{growth:?}");
    assert_eq!(growth.load.cells.len(), 13);
    assert_eq!(growth.load.cells.iter().sum::<u64>(), 1_000_000);
    assert!(growth.load.most_over_mean <= 1.06, "{growth:?}");
    assert_eq!(growth.overlap.tenants, 10_000);
}

#[test]
fn of_equally_bad_sets_the_one_that_hits_the_most_is_the_worst() {
    // Heavy tenants have cells of few tenants, so cells differ in number.
    let report = run(&Scenario { skew: 1.0, ..Scenario::default() }).unwrap();
    let one = &report.failures[0];
    assert_eq!((one.worst.refused, one.worst.hit), (0.0, one.most_hit), "{one:?}");
    assert!(one.most_hit > one.mean_hit * 1.2, "{one:?}");
}

#[test]
fn heavy_tenants_move_first() {
    let scenario = Scenario { cells: 20, tenants: 4_000, skew: 0.5, ..Scenario::default() };
    let growth = run(&scenario).unwrap().growth;
    // The load of one cell less the tolerance, in few tenants.
    assert!(growth.moved_load <= growth.even && growth.moved_load >= growth.even * 0.94, "{growth:?}");
    assert!(growth.moved < growth.moved_load / 2.0, "{growth:?}");
}

#[test]
fn undeclared_loads_leave_cells_uneven() {
    let scenario = Scenario { tenants: 5_000, skew: 0.9, room: 1.0, ..Scenario::default() };
    let declared = run(&scenario).unwrap();
    let undeclared = run(&Scenario { undeclared: true, ..scenario }).unwrap();
    assert!(declared.load.most_over_mean < undeclared.load.most_over_mean, "{declared:?} {undeclared:?}");
    assert!(declared.load.most_over_mean >= declared.best_most_over_mean);
    assert_eq!(declared.load.cells.iter().sum::<u64>(), undeclared.load.cells.iter().sum::<u64>());
}

#[test]
fn a_tenant_heavier_than_a_cell_is_refused() {
    let report = run(&Scenario { cells: 100, tenants: 1_000, skew: 1.2, ..Scenario::default() }).unwrap();
    assert!(report.heaviest > report.capacity && report.refused >= 1, "{} {}", report.heaviest, report.capacity);
    assert_eq!(report.placed + report.refused, 1_000);
    assert!(report.load.most <= report.capacity);
}

#[test]
fn more_sets_than_can_be_tried_are_drawn() {
    let report = run(&Scenario { cells: 200, tenants: 2_000, ..Scenario::default() }).unwrap();
    let [_, two, three] = &report.failures[..] else { panic!("{:?}", report.failures) };
    assert!(two.all && two.sets == 19_900);
    assert!(!three.all && three.sets == 1_000_000 && three.cells.len() == 3);
    assert!(three.worst.refused >= three.optimum, "{three:?}");
}

#[test]
fn the_smallest_fleets_are_simulated() {
    let alone = run(&Scenario { cells: 1, tenants: 1, failures: 1, ..Scenario::default() }).unwrap();
    assert_eq!((alone.failures[0].worst.refused, alone.failures[0].mean_refused), (1.0, 1.0));
    assert_eq!(alone.failures[0].busiest_over_mean, 0.0);
    let two = run(&Scenario { cells: 2, tenants: 10, failures: 2, ..Scenario::default() }).unwrap();
    assert_eq!((two.failures[0].worst.refused, two.failures[1].worst.refused), (0.0, 1.0));
}

#[test]
fn a_scenario_out_of_bounds_is_refused() {
    let said = |scenario| run(&scenario).unwrap_err().to_string();
    let base = Scenario::default;
    assert_eq!(said(Scenario { cells: 0, ..base() }), "the number of cells is 0; expected a number from 1 to 1000");
    assert_eq!(
        said(Scenario { tenants: 10_000_001, ..base() }),
        "the number of tenants is 10000001; expected a number from 1 to 10000000"
    );
    assert_eq!(said(Scenario { skew: f64::NAN, ..base() }), "the skew is NaN; expected a number from 0 to 3");
    assert_eq!(said(Scenario { room: -0.1, ..base() }), "the room is -0.1; expected a number from 0 to 100");
    assert_eq!(
        said(Scenario { cells: 2, ..base() }),
        "the number of cells that fail is 3; expected a number from 0 to 2"
    );
}

proptest! {
    /// Nothing is lost or made up, no cell is over its capacity, and the same input gives the same report.
    #[test]
    fn a_report_adds_up(
        cells in 1_usize..12,
        tenants in 1_u64..300,
        skew in 0.0_f64..2.0,
        room in 0.0_f64..1.0,
        flags in any::<(bool, bool)>(),
        seed in any::<u64>(),
    ) {
        let (undeclared, standbys) = flags;
        let failures = cells.min(3);
        let scenario = Scenario { cells, tenants, skew, undeclared, standbys, room, failures, seed };
        let report = run(&scenario).unwrap();
        prop_assert_eq!(report.placed + report.refused, tenants);
        prop_assert_eq!(report.overlap.tenants, report.placed);
        prop_assert!(undeclared || report.load.most <= report.capacity);
        prop_assert_eq!(report.load.cells.iter().sum::<u64>(), report.growth.load.cells.iter().sum::<u64>());
        prop_assert_eq!(report.growth.overlap.tenants, report.placed);
        for failure in &report.failures {
            let Fallout { hit, refused, held, .. } = failure.worst;
            prop_assert!(within(hit, refused + held, 1e-9), "{:?}", failure);
            prop_assert!(failure.most_hit >= hit && failure.most_hit >= failure.mean_hit * report.placed.min(1) as f64 - 1e-9, "{:?}", failure);
            prop_assert!(refused >= failure.mean_refused - 1e-9 || report.placed == 0, "{:?}", failure);
        }
        prop_assert_eq!(run(&scenario).unwrap(), report);
    }
}

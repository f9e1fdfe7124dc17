use cellstack_core::registry::CellStatus;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;
use crate::{Cell, Refusal};

fn id(at: usize) -> CellId {
    format!("cell-{at}").parse().unwrap()
}

fn cells(count: usize, capacity: u64) -> Vec<Cell> {
    let cell = |at| Cell { id: id(at), status: Some(CellStatus::Active), capacity, share: 1, placed: 0, tenants: 0 };
    (0..count).map(cell).collect()
}

/// Makes a fleet with these tenants: the home and the weight of each. Each has the next cell as its standby.
fn world(mut cells: Vec<Cell>, placed: &[(usize, u64)]) -> (Fleet, Vec<Tenant>) {
    let count = cells.len();
    let mut pairs = BTreeMap::new();
    let tenant = |(at, (home, weight)): (usize, &(usize, u64))| {
        cells[*home].placed += weight;
        cells[*home].tenants += 1;
        let standby = (count > 1).then(|| id((home + 1) % count));
        if let Some(standby) = &standby {
            *pairs.entry((id(*home), standby.clone())).or_insert(0) += 1;
        }
        let (id, home) = (format!("t{at}").parse().unwrap(), id(*home));
        Tenant { id, weight: *weight, home, standby, pinned: false, epoch: Epoch::FIRST, settled: true }
    };
    let tenants = placed.iter().enumerate().map(tenant).collect();
    (Fleet::new(cells, pairs), tenants)
}

const UNBOUNDED: f64 = 1.0;

/// Applies a plan to where tenants are, and returns the load of each cell.
fn loads(plan: &Plan, tenants: &[Tenant], count: usize) -> Vec<u64> {
    let mut loads = vec![0; count];
    let to: BTreeMap<_, _> = plan.moves.iter().map(|planned| (&planned.tenant, &planned.to)).collect();
    for tenant in tenants {
        let home = to.get(&tenant.id).copied().unwrap_or(&tenant.home);
        loads[(0..count).find(|at| id(*at) == *home).unwrap()] += tenant.weight;
    }
    loads
}

fn bounds(total: u64, count: usize, tolerance: f64) -> (u64, u64) {
    let target = total as f64 / count as f64;
    ((target * (1.0 - tolerance)).floor() as u64, (target * (1.0 + tolerance)).ceil() as u64)
}

/// Returns the fewest moves after which every cell is within its bounds, by trying all; `None` if there are none.
fn fewest(placed: &[(usize, u64)], count: usize, (low, high): (u64, u64)) -> Option<usize> {
    fn search(
        placed: &[(usize, u64)],
        loads: &mut Vec<u64>,
        (low, high): (u64, u64),
        best: &mut Option<usize>,
        moves: usize,
    ) {
        if best.is_some_and(|best| moves >= best) {
            return;
        }
        let Some(((home, weight), rest)) = placed.split_first() else {
            if loads.iter().all(|load| (low..=high).contains(load)) {
                *best = Some(moves);
            }
            return;
        };
        for to in 0..loads.len() {
            loads[to] += weight;
            if loads[to] <= high {
                search(rest, loads, (low, high), best, moves + usize::from(to != *home));
            }
            loads[to] -= weight;
        }
    }
    let mut best = None;
    search(placed, &mut vec![0; count], (low, high), &mut best, 0);
    best
}

#[test]
fn an_added_cell_takes_its_part_and_no_more() {
    let placed: Vec<_> = (0..12_000).map(|at| (at % 12, 1)).collect();
    let (fleet, tenants) = world(cells(13, 2_000), &placed);
    let plan = rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.05, max_share: UNBOUNDED });
    // 12,000 / 13 tenants, less the tolerance.
    assert!((870..=924).contains(&plan.moves.len()), "{}", plan.moves.len());
    assert!(plan.moves.iter().all(|planned| planned.to == id(12)));
    let bounded = rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.05, max_share: 0.01 });
    assert_eq!((bounded.moves.len(), bounded.cut), (120, plan.moves.len() as u64 - 120));
}

#[test]
fn a_drain_leaves_a_cell_empty_and_nobody_with_it_as_a_standby() {
    let placed: Vec<_> = (0..40).map(|at| (at % 4, 1 + at as u64 % 3)).collect();
    let (fleet, mut tenants) = world(cells(4, 100), &placed);
    tenants[4].pinned = true;
    let plan = drain(&fleet, &tenants, &id(0)).unwrap();
    assert_eq!((plan.moves.len(), plan.left.len(), plan.standbys.len()), (9, 1, 10));
    assert!(plan.left[0].reason.contains("cellctl tenants unpin t4"), "{:?}", plan.left);
    for planned in &plan.moves {
        assert_eq!(planned.from, id(0));
        assert_ne!(Some(&planned.to), planned.standby_after.as_ref());
        assert_ne!(planned.standby_after, Some(id(0)));
    }
    assert!(plan.standbys.iter().all(|change| change.before == id(0) && change.after.as_ref() != Some(&id(0))));
    let after = plan.cells.iter().find(|load| load.cell == id(0)).unwrap();
    assert_eq!((after.tenants_before, after.tenants_after), (10, 1));
    let weights: Vec<u64> = plan.moves.iter().map(|planned| planned.weight).collect();
    assert!(weights.is_sorted_by(|one, other| one >= other), "{weights:?}");
    assert_eq!(drain(&fleet, &tenants, &id(9)).unwrap_err(), Refusal::UnknownCell { cell: id(9) });
}

#[test]
fn a_drain_gives_no_standby_to_a_tenant_that_wants_none() {
    let (fleet, mut tenants) = world(cells(3, 100), &[(0, 1), (0, 1)]);
    tenants[1].standby = None;
    let plan = drain(&fleet, &tenants, &id(0)).unwrap();
    assert_eq!((plan.moves.len(), plan.left.len()), (2, 0));
    let standbys: BTreeMap<_, _> =
        plan.moves.iter().map(|planned| (planned.tenant.as_str(), planned.standby_after.is_some())).collect();
    assert_eq!(standbys, BTreeMap::from([("t0", true), ("t1", false)]));
}

#[test]
fn a_drain_takes_no_standby_away_that_may_hold_events() {
    // The tenants of each cell have the next one as their standby, those of the last one the first.
    let world = |status| {
        let mut cells = cells(3, 100);
        cells[2].status = status;
        world(cells, &[(0, 1), (1, 1), (2, 1)])
    };
    let serving = [CellStatus::Active, CellStatus::Full, CellStatus::Draining].map(Some);
    for status in serving.into_iter().chain([None]) {
        let (fleet, tenants) = world(status);
        let plan = drain(&fleet, &tenants, &id(0)).unwrap();
        assert_eq!((plan.standbys.len(), plan.left.len()), (1, 0), "{status:?}");
    }
    for status in [CellStatus::Down, CellStatus::Recovering] {
        let (fleet, tenants) = world(Some(status));
        let plan = drain(&fleet, &tenants, &id(0)).unwrap();
        assert_eq!((plan.moves.len(), plan.standbys.len()), (1, 0), "{status:?}");
        let status = status.as_str();
        let expected =
            format!("its cell cell-2 is {status}, and this one may hold its events: cellctl cells up cell-2");
        assert_eq!(plan.left, [Stays { tenant: tenants[2].id.clone(), reason: expected }]);
    }
}

#[test]
fn tenants_that_fit_nowhere_are_left_with_the_reason() {
    let (fleet, tenants) = world(cells(2, 10), &[(0, 5), (0, 4), (1, 6)]);
    let plan = drain(&fleet, &tenants, &id(0)).unwrap();
    assert_eq!((plan.moves.len(), plan.left.len()), (1, 1));
    assert!(plan.left[0].reason.starts_with("no active cell has room for a weight of 5"), "{:?}", plan.left);
}

#[test]
fn a_plan_is_refused_when_its_world_has_changed() {
    let placed: Vec<_> = (0..30).map(|at| (usize::from(at >= 20), 1)).collect();
    let (fleet, tenants) = world(cells(3, 100), &placed);
    let plan = rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.05, max_share: UNBOUNDED });
    assert!(!plan.is_empty());
    assert_eq!(plan.check(&fleet, &tenants), [""; 0]);
    let first = tenants.iter().position(|tenant| tenant.id == plan.moves[0].tenant).unwrap();
    type Change = fn(&mut Tenant);
    let changes: [(Change, &str); 5] = [
        (|tenant| tenant.epoch = Epoch(2), "at epoch 2"),
        (|tenant| tenant.home = id(2), "is in cell-2"),
        (|tenant| tenant.standby = None, "has none"),
        (|tenant| tenant.settled = false, "is being moved"),
        (|tenant| tenant.pinned = true, "is pinned"),
    ];
    for (change, expected) in changes {
        let mut now = tenants.clone();
        change(&mut now[first]);
        let found = plan.check(&fleet, &now);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
    }
    let mut closed = fleet.clone();
    closed.close(&id(2));
    assert_eq!(plan.check(&closed, &tenants), ["cell cell-2 was active, and is draining"]);
    let other = Plan { version: 2, ..plan };
    assert_eq!(other.check(&fleet, &tenants), ["the plan's form has version 2, expected 1"]);
}

#[test]
fn a_measured_load_is_balanced_and_weights_keep_to_the_capacity() {
    // Each cell has the same weights. The busy tenants are all in the first.
    let placed: Vec<_> = (0..40).map(|at| (at % 4, 1)).collect();
    let (fleet, tenants) = world(cells(4, 12), &placed);
    let measured: BTreeMap<TenantId, u64> =
        tenants.iter().filter(|tenant| tenant.home == id(0)).map(|tenant| (tenant.id.clone(), 100)).collect();
    let limits = Limits { tolerance: 0.25, max_share: UNBOUNDED };
    assert!(rebalance(&fleet, &tenants, Loads::Weights, &limits).is_empty());
    let plan = rebalance(&fleet, &tenants, Loads::Measured(&measured), &limits);
    assert!(plan.moves.iter().all(|planned| planned.from == id(0) && planned.load == Some(100)), "{:?}", plan.moves);
    // Two more weights fit into each of the others.
    let after: Vec<_> = plan.cells.iter().map(|cell| (cell.measured.unwrap().after, cell.after)).collect();
    assert_eq!(after, [(400, 4), (200, 12), (200, 12), (200, 12)]);
    assert_eq!(plan.cells[0].measured, Some(Measured { before: 1_000, after: 400 }));
    assert_eq!(plan.check(&fleet, &tenants), [""; 0]);
}

#[test]
fn nothing_moves_where_nothing_was_measured() {
    let (fleet, tenants) = world(cells(3, 100), &[(0, 5), (0, 4), (1, 6)]);
    let plan = rebalance(&fleet, &tenants, Loads::Measured(&BTreeMap::new()), &Limits::default());
    assert!(plan.is_empty() && plan.left.is_empty());
}

#[test]
fn tenants_are_left_in_cells_alone_that_are_still_above_their_bounds() {
    let (fleet, mut tenants) = world(cells(3, 100), &[(0, 10), (1, 2), (1, 1), (0, 1)]);
    tenants[0].pinned = true;
    tenants[1].pinned = true;
    tenants[2].settled = false;
    tenants[3].settled = false;
    let limits = Limits { tolerance: 0.05, max_share: UNBOUNDED };
    let measured = tenants.iter().map(|tenant| (tenant.id.clone(), tenant.weight)).collect();
    for loads in [Loads::Weights, Loads::Measured(&measured)] {
        let plan = rebalance(&fleet, &tenants, loads, &limits);
        let left: Vec<_> = plan.left.iter().map(|left| (left.tenant.as_str(), left.reason.as_str())).collect();
        assert_eq!(left, [("t0", "it is pinned: cellctl tenants unpin t0"), ("t3", "it is being moved")]);
        assert_eq!(plan.above(&fleet, &limits), [&id(0)]);
    }
}

#[test]
fn a_plan_names_the_cells_that_stay_above_their_bounds() {
    let limits = Limits { tolerance: 0.05, max_share: UNBOUNDED };
    // The one tenant is too heavy for either cell.
    let (fleet, tenants) = world(cells(2, 100), &[(0, 10)]);
    let measured = BTreeMap::from([(tenants[0].id.clone(), 1_000)]);
    for loads in [Loads::Weights, Loads::Measured(&measured)] {
        let plan = rebalance(&fleet, &tenants, loads, &limits);
        assert!(plan.is_empty() && plan.left.is_empty() && plan.cut == 0, "{plan:?}");
        assert_eq!(plan.above(&fleet, &limits), [&id(0)]);
    }
    // A cell that takes no part has no bound.
    let mut closed = fleet.clone();
    closed.close(&id(0));
    let plan = rebalance(&closed, &tenants, Loads::Weights, &limits);
    assert!(plan.above(&closed, &limits).is_empty(), "{plan:?}");

    let placed: Vec<_> = (0..30).map(|_| (0, 1)).collect();
    let (fleet, tenants) = world(cells(3, 100), &placed);
    let plan = rebalance(&fleet, &tenants, Loads::Weights, &limits);
    assert!(plan.above(&fleet, &limits).is_empty(), "{plan:?}");
    let bounded = Limits { max_share: 0.1, ..limits };
    let plan = rebalance(&fleet, &tenants, Loads::Weights, &bounded);
    assert!(plan.cut > 0);
    assert_eq!(plan.above(&fleet, &bounded), [&id(0)]);
}

/// The moves that a plan makes are few: over many small fleets, at most one in twenty more than the fewest.
#[test]
fn plans_are_within_a_twentieth_of_the_fewest_moves() {
    let mut random = proptest::test_runner::TestRunner::deterministic();
    let drawn = (2_usize..4).prop_flat_map(|count| {
        let tenant = (0..count, 1_u64..6);
        (Just(count), prop::collection::vec(tenant, 4..9))
    });
    let (mut planned, mut exact, mut unbalanced, mut cases) = (0, 0, 0, 0);
    for _ in 0..400 {
        let (count, placed) = drawn.new_tree(&mut random).unwrap().current();
        let (fleet, tenants) = world(cells(count, 1_000), &placed);
        let (low, high) = bounds(fleet.cells().iter().map(|cell| cell.placed).sum(), count, 0.3);
        let Some(fewest) = fewest(&placed, count, (low, high)) else { continue };
        let plan = rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.3, max_share: UNBOUNDED });
        let balanced = loads(&plan, &tenants, count).iter().all(|load| (low..=high).contains(load));
        cases += 1;
        if balanced {
            planned += plan.moves.len();
            exact += fewest;
        } else {
            unbalanced += 1;
        }
    }
    assert!(cases > 200, "{cases}");
    assert!(unbalanced * 50 <= cases, "{unbalanced} of {cases} fleets were not brought into balance");
    assert!(planned * 20 <= exact * 21, "{planned} moves planned, {exact} needed");
}

proptest! {
    /// With tenants of one weight, a plan makes the fewest moves there are.
    #[test]
    fn tenants_of_one_weight_move_as_little_as_possible(loads in prop::collection::vec(0_u64..60, 2..7)) {
        let placed: Vec<_> = loads.iter().enumerate().flat_map(|(home, load)| (0..*load).map(move |_| (home, 1))).collect();
        let count = loads.len();
        let (fleet, tenants) = world(cells(count, 1_000), &placed);
        let (low, high) = bounds(loads.iter().sum(), count, 0.05);
        let over: u64 = loads.iter().map(|load| load.saturating_sub(high)).sum();
        let under: u64 = loads.iter().map(|load| low.saturating_sub(*load)).sum();
        let plan = rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.05, max_share: UNBOUNDED });
        prop_assert_eq!(plan.moves.len() as u64, over.max(under));
        for load in self::loads(&plan, &tenants, count) {
            prop_assert!((low..=high).contains(&load), "{} not in {}..={}", load, low, high);
        }
    }

    /// No plan fills a cell above its capacity, moves a pinned tenant, or moves one into a cell that is not active.
    #[test]
    fn no_plan_does_what_must_not_be(
        placed in prop::collection::vec((0_usize..5, 1_u64..9, any::<bool>()), 0..60),
        measured in prop::collection::vec(prop_oneof![Just(0), 0_u64..1_000], 60),
        closed in 0_usize..5,
        drained in 0_usize..5,
    ) {
        let homes: Vec<_> = placed.iter().map(|(home, weight, _)| (*home, *weight)).collect();
        let (mut fleet, mut tenants) = world(cells(5, 80), &homes);
        for (tenant, (_, _, pinned)) in tenants.iter_mut().zip(&placed) {
            tenant.pinned = *pinned;
        }
        fleet.close(&id(closed));
        let measured = tenants.iter().zip(measured).map(|(tenant, load)| (tenant.id.clone(), load)).collect();
        let limits = Limits { tolerance: 0.05, max_share: UNBOUNDED };
        let plans = [
            rebalance(&fleet, &tenants, Loads::Weights, &limits),
            rebalance(&fleet, &tenants, Loads::Measured(&measured), &limits),
            drain(&fleet, &tenants, &id(drained)).unwrap(),
        ];
        for plan in plans {
            for planned in &plan.moves {
                let tenant = tenants.iter().find(|tenant| tenant.id == planned.tenant).unwrap();
                prop_assert!(!tenant.pinned && tenant.home == planned.from && planned.to != planned.from);
                prop_assert!(planned.to != id(closed), "{:?}", planned);
            }
            let loads = loads(&plan, &tenants, 5);
            for (load, cell) in loads.iter().zip(fleet.cells()) {
                prop_assert!(*load <= cell.capacity.max(cell.placed), "{} in {:?}", load, cell);
            }
            let after: Vec<u64> = plan.cells.iter().map(|load| load.after).collect();
            prop_assert_eq!(after, loads);
            let of = |at: fn(Measured) -> u64| plan.cells.iter().filter_map(move |load| load.measured.map(at));
            prop_assert!(of(|load| load.after).max() <= of(|load| load.before).max(), "{:?}", plan.cells);
            prop_assert_eq!(of(|load| load.after).sum::<u64>(), of(|load| load.before).sum::<u64>());
            prop_assert_eq!(plan.check(&fleet, &tenants), Vec::<String>::new());
        }
    }

    /// A plan is read from its file as it was written.
    #[test]
    fn a_plan_survives_its_file(placed in prop::collection::vec((0_usize..3, 1_u64..9), 0..20)) {
        let (fleet, tenants) = world(cells(3, 1_000), &placed);
        let plan = drain(&fleet, &tenants, &id(0)).unwrap();
        let text = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}

//! Automation keeps its bounds in any fleet.

use cellstack_store::cells::{Cell, CellConfig};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

mod history;

fn cell(index: usize, state: Option<CellState>) -> Cell {
    let url = || "q".to_owned();
    let config = CellConfig {
        table: "t".to_owned(),
        queue_url: url(),
        stream_dlq_url: url(),
        topic_dlq_url: url(),
        dlq_url: url(),
        capacity: 10,
        weight: 100,
        wave: 1,
        region: None,
        account: None,
    };
    Cell { id: format!("c{index}").parse().unwrap(), config, state }
}

fn fleet(cells: Vec<(Option<CellState>, CellHealth)>) -> (Listing, BTreeSet<CellId>) {
    let mut listing = Listing::default();
    for (index, (state, health)) in cells.into_iter().enumerate() {
        let cell = cell(index, state);
        listing.health.insert(cell.id.clone(), health);
        listing.cells.push(cell);
    }
    let all = listing.cells.iter().map(|cell| cell.id.clone()).collect();
    (listing, all)
}

fn look<'a>(listing: &'a Listing, probed: &'a BTreeSet<CellId>) -> Evidence<'a> {
    Evidence { listing, probed, was_left: false }
}

fn state(status: CellStatus, by: &str) -> CellState {
    CellState { status, updated_by: Some(by.to_owned()), updated_at: Some(7), ..CellState::default() }
}

fn failing(failures: u32) -> CellHealth {
    CellHealth { failures, mark: Some(7), error: Some("not written".to_owned()), ..CellHealth::default() }
}

fn passing(successes: u32) -> CellHealth {
    CellHealth { successes, mark: Some(7), ..CellHealth::default() }
}

const RULES: Rules = Rules { failures: 3, successes: 5, max_down: 50 };

fn any_status() -> impl Strategy<Value = CellStatus> {
    use CellStatus::{Active, Down, Draining, Full, Recovering, Retired};
    prop_oneof![4 => Just(Active), 1 => prop_oneof![Just(Full), Just(Draining), Just(Retired)], 2 => Just(Down), 1 => Just(Recovering)]
}

fn any_cell() -> impl Strategy<Value = (Option<CellState>, CellHealth)> {
    let state = (any_status(), prop_oneof![Just("ana"), Just(AUTOMATION)], 0..3_u64).prop_map(|(status, by, at)| {
        CellState { status, updated_by: Some(by.to_owned()), updated_at: Some(at), ..CellState::default() }
    });
    let health = (any::<bool>(), 0..8_u32, 0..3_u64).prop_map(|(fails, count, mark)| CellHealth {
        failures: if fails { count } else { 0 },
        successes: if fails { 0 } else { count },
        mark: Some(mark),
        ..CellHealth::default()
    });
    (prop_oneof![6 => state.prop_map(Some), 1 => Just(None)], health)
}

proptest! {
    #[test]
    fn automation_keeps_its_bounds(
        cells in vec(any_cell(), 0..16),
        failures in 1..6_u32,
        successes in 1..6_u32,
        max_down in 0..=100_u8,
        probe_all in any::<bool>(),
        was_left in any::<bool>(),
    ) {
        let rules = Rules { failures, successes, max_down };
        let (listing, all) = fleet(cells);
        let probed: BTreeSet<CellId> = all.into_iter().step_by(if probe_all { 1 } else { 2 }).collect();
        let decisions = decide(&rules, Evidence { listing: &listing, probed: &probed, was_left });
        let states = || listing.cells.iter().filter_map(|cell| cell.state.as_ref());
        let out = states().filter(|state| is_out(state.status)).count();
        let fleet = states().filter(|state| state.status != CellStatus::Retired).count();
        let taken = decisions.iter().filter(|one| one.action == Action::Down && !is_out(one.seen)).count();
        prop_assert!(taken == 0 || (out + taken) * 100 <= fleet * usize::from(max_down), "{decisions:?}");
        for Decision { cell, action, seen, .. } in &decisions {
            prop_assert!(probed.contains(cell));
            let state = listing.cell(cell).and_then(|cell| cell.state.as_ref()).unwrap();
            let health = &listing.health[cell];
            prop_assert_eq!(*seen, state.status);
            // Probes from before the last mark count for nothing.
            prop_assert_eq!(health.mark, state.updated_at);
            let ours = state.updated_by.as_deref() == Some(AUTOMATION);
            match action {
                Action::Down => {
                    prop_assert!(health.failures >= failures);
                    prop_assert!(*seen == CellStatus::Active || (ours && *seen == CellStatus::Recovering));
                }
                Action::Up => {
                    prop_assert!(ours && health.failures == 0 && (is_out(*seen) || was_left));
                    prop_assert!(health.successes >= successes || *seen != CellStatus::Down);
                }
                Action::Leave => {}
            }
        }
    }

    #[test]
    fn a_cell_that_may_be_taken_out_is(cells in vec(any_cell(), 1..16)) {
        let rules = Rules { max_down: 100, ..RULES };
        let (listing, all) = fleet(cells);
        let decisions = decide(&rules, look(&listing, &all));
        for cell in &listing.cells {
            let (Some(state), health) = (&cell.state, &listing.health[&cell.id]) else { continue };
            if state.status == CellStatus::Active && health.mark == state.updated_at && health.failures >= 3 {
                prop_assert!(decisions.iter().any(|one| one.cell == cell.id && one.action == Action::Down));
            }
        }
    }
}

#[test]
fn the_share_goes_to_the_cells_that_have_failed_for_longest() {
    let active = || Some(state(CellStatus::Active, "ana"));
    let (listing, all) = fleet(vec![
        (active(), failing(3)),
        (active(), failing(9)),
        (active(), passing(1)),
        (Some(state(CellStatus::Down, "ana")), failing(4)),
    ]);
    let decisions = decide(&RULES, look(&listing, &all));
    let found: Vec<_> = decisions.iter().map(|one| (one.cell.as_str(), one.action)).collect();
    assert_eq!(found, [("c1", Action::Down), ("c0", Action::Leave)]);
    assert_eq!(decisions[0].because, "9 failures in a row: not written");
    assert_eq!(
        decisions[1].because,
        "3 failures in a row: not written, but 2 of 4 cells are out of service, and automation takes out no more than 2 (--max-down)"
    );
}

#[test]
fn a_share_of_less_than_a_cell_is_said() {
    let said = |cells: usize, max_down| {
        let cells = vec![(Some(state(CellStatus::Active, "ana")), failing(9)); cells];
        let (listing, all) = fleet(cells);
        let rules = Rules { max_down, ..RULES };
        let takes_out = decide(&rules, look(&listing, &all)).iter().any(|one| one.action == Action::Down);
        (too_small(&rules, &listing), takes_out)
    };
    let notice = "automation takes out no cell: 25 % of 3 is less than one; expected --max-down 34 or more";
    assert_eq!(said(3, 25), (Some(notice.to_owned()), false));
    for (cells, max_down) in [(3, 34), (4, 25), (1, 100)] {
        assert_eq!(said(cells, max_down), (None, true), "{max_down} % of {cells}");
    }
    assert_eq!(said(3, 0), (None, false), "none is what was asked for");
}

#[test]
fn an_operators_word_stays() {
    let (listing, all) = fleet(vec![
        (Some(state(CellStatus::Down, "ana")), passing(9)),
        (Some(state(CellStatus::Draining, "ana")), failing(9)),
        (Some(state(CellStatus::Recovering, "ana")), passing(9)),
        (Some(state(CellStatus::Down, AUTOMATION)), passing(5)),
        (Some(state(CellStatus::Down, AUTOMATION)), passing(4)),
        (Some(state(CellStatus::Recovering, AUTOMATION)), passing(1)),
    ]);
    let decisions = decide(&RULES, look(&listing, &all));
    let found: Vec<_> = decisions.iter().map(|one| (one.cell.as_str(), one.action)).collect();
    assert_eq!(found, [("c1", Action::Leave), ("c0", Action::Leave), ("c3", Action::Up), ("c5", Action::Up)]);
    assert_eq!(decisions[1].because, "9 successes in a row, and ana has marked it down: an operator decides");
}

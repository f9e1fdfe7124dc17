use std::collections::BTreeMap;

use cellstack_core::registry::CellStatus;
use proptest::prelude::*;

use super::*;
use crate::Cell;

fn id(at: usize) -> CellId {
    format!("cell-{at:04}").parse().unwrap()
}

fn cell(at: usize, capacity: u64) -> Cell {
    Cell { id: id(at), status: Some(CellStatus::Active), capacity, share: 100, placed: 0, tenants: 0 }
}

fn anywhere(weight: u64) -> Request {
    Request { weight, cell: None, standby: StandbyRequest::Any }
}

fn fleet(cells: usize, capacity: u64) -> Fleet {
    Fleet::new((0..cells).map(|at| cell(at, capacity)), [])
}

/// The figures of twelve cells: no pair is used by more than one tenant above the least used.
#[test]
fn twelve_cells_and_ten_thousand_tenants_share_pairs_evenly() {
    let mut fleet = fleet(12, 1_000);
    for _ in 0..10_000 {
        let choice = fleet.choose(&anywhere(1)).unwrap();
        fleet.add(&choice, 1);
    }
    let mut pairs = BTreeMap::new();
    for one in 0..12 {
        for other in 0..one {
            pairs.insert((one, other), fleet.sharing(one, other).either);
        }
    }
    let (least, most) = (pairs.values().min().unwrap(), pairs.values().max().unwrap());
    assert_eq!((pairs.len(), *least, *most), (66, 151, 152), "{pairs:?}");
    let loads: Vec<u64> = fleet.cells().iter().map(|cell| cell.placed).collect();
    assert!(loads.iter().all(|load| (823..=843).contains(load)), "{loads:?}");
}

#[test]
fn a_cell_of_twice_the_capacity_or_share_takes_twice_as_many() {
    let (mut large, mut favoured) = (cell(0, 2_000), cell(1, 1_000));
    (large.share, favoured.share) = (100, 200);
    let mut fleet = Fleet::new([large, favoured, cell(2, 1_000)], []);
    for _ in 0..1_000 {
        let choice = fleet.choose(&anywhere(1)).unwrap();
        fleet.add(&choice, 1);
    }
    let loads: Vec<u64> = fleet.cells().iter().map(|cell| cell.placed).collect();
    assert!((380..=420).contains(&loads[0]) && (380..=420).contains(&loads[1]), "{loads:?}");
}

#[test]
fn a_refusal_says_what_was_found_and_what_to_do() {
    let mut draining = cell(1, 10);
    draining.status = Some(CellStatus::Draining);
    let new = Cell { status: None, ..cell(2, 10) };
    let full = Cell { placed: 10, ..cell(0, 10) };
    let fleet = Fleet::new([full, draining, new], []);
    let refused = |cell: usize, standby| {
        fleet.choose(&Request { weight: 1, cell: Some(id(cell)), standby }).unwrap_err().to_string()
    };
    assert!(refused(1, StandbyRequest::Any).starts_with("cell cell-0001 is draining; expected active"));
    assert!(refused(2, StandbyRequest::Any).contains("`cellctl cells bootstrap cell-0002`"));
    assert!(refused(0, StandbyRequest::Any).starts_with("cell cell-0000 is full: 10 of its capacity of 10"));
    assert!(refused(9, StandbyRequest::Any).starts_with("cell cell-0009 is not in the registry"));
    let nowhere = fleet.choose(&anywhere(1)).unwrap_err();
    assert_eq!(nowhere, Refusal::NoRoom { weight: 1, cells: 1, room: 0 });
    let open = Fleet::new([cell(0, 10), Cell { status: None, ..cell(1, 10) }], []);
    let with = |standby| open.choose(&Request { weight: 1, cell: None, standby });
    assert_eq!(with(StandbyRequest::Any).unwrap().standby, None);
    assert!(with(StandbyRequest::Cell(id(1))).unwrap_err().to_string().starts_with("standby cell-0001 is new"));
    assert_eq!(with(StandbyRequest::Cell(id(0))).unwrap_err(), Refusal::StandbyIsHome { cell: id(0) });
    assert_eq!(Fleet::new([], []).choose(&anywhere(1)).unwrap_err(), Refusal::NoneActive);
}

fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let statuses = prop::sample::select(vec![
        None,
        Some(CellStatus::Active),
        Some(CellStatus::Active),
        Some(CellStatus::Full),
        Some(CellStatus::Draining),
        Some(CellStatus::Down),
        Some(CellStatus::Retired),
    ]);
    let drawn = (statuses, 0_u64..40, 0_u64..4);
    prop::collection::vec(drawn, 1..8).prop_map(|cells| {
        let of = |(at, (status, capacity, share)): (usize, _)| Cell { status, share, ..cell(at, capacity) };
        cells.into_iter().enumerate().map(of).collect()
    })
}

proptest! {
    /// No cell is filled above its capacity, and none that is not active gets a tenant.
    #[test]
    fn no_tenant_goes_where_it_must_not(cells in cells(), weights in prop::collection::vec(1_u64..6, 0..60)) {
        let mut fleet = Fleet::new(cells, []);
        for weight in weights {
            let Ok(choice) = fleet.choose(&anywhere(weight)) else {
                let open = |cell: &&Cell| cell.is_active() && cell.share > 0 && cell.has_room(weight);
                prop_assert!(!fleet.cells().iter().any(|cell| open(&cell)), "refused with room: {:?}", fleet.cells());
                continue;
            };
            prop_assert!(fleet.cell(&choice.home).unwrap().is_active());
            prop_assert_ne!(Some(&choice.home), choice.standby.as_ref());
            fleet.add(&choice, weight);
            let home = fleet.cell(&choice.home).unwrap();
            prop_assert!(home.placed <= home.capacity);
            if let Some(standby) = &choice.standby {
                prop_assert!(fleet.cell(standby).unwrap().stands_by());
            }
        }
    }

    /// A named cell is taken or refused, never replaced.
    #[test]
    fn a_named_cell_is_honoured(cells in cells(), at in 0_usize..8) {
        let fleet = Fleet::new(cells, []);
        if let Ok(choice) = fleet.choose(&Request { cell: Some(id(at)), ..anywhere(1) }) {
            prop_assert_eq!(choice.home, id(at));
        }
    }

    /// The order in which cells are read does not count, nor does a tenant that came and went.
    #[test]
    fn a_choice_depends_on_the_counts_alone(cells in cells(), weight in 1_u64..4) {
        let mut fleet = Fleet::new(cells.clone(), []);
        let choice = fleet.choose(&anywhere(weight));
        prop_assert_eq!(&Fleet::new(cells.into_iter().rev(), []).choose(&anywhere(weight)), &choice);
        if let Ok(choice) = choice {
            fleet.add(&choice, weight);
            fleet.remove(&choice.home, choice.standby.as_ref(), weight);
            prop_assert_eq!(fleet.choose(&anywhere(weight)).unwrap(), choice);
        }
    }
}

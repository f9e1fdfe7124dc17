//! The effect of one cell on the others.

use std::time::Duration;

use cellstack_simulator::{Backup, black_swan, busy_tenant, draw, marked_down, one_cell_down, recovery};

#[test]
fn callers_of_other_cells_notice_nothing_of_a_cell_that_is_down_and_then_slow() {
    // The slow cell alone would take all there is: ten requests per second, each for more than two seconds, and room
    // for 16 at once. It is the load of 500 tenants where there is room for 100.
    let phases = one_cell_down(4, 80, 16).unwrap();
    let before = phases[0];
    assert_eq!((before.others_served, before.victim_served), (1.0, 1.0));
    for during in [phases[1], phases[3]] {
        let name = during.phase;
        assert!(during.victim_served < 0.2, "{name}: the one cell is hurt: {during:?}");
        assert!(during.others_served >= 0.999, "{name}: {during:?}");
        assert!(during.others_p99 <= before.others_p99.mul_f64(1.2), "{name}: {during:?}, before {before:?}");
    }
}

#[test]
fn a_black_swan_hurts_its_own_cell_only() {
    let (many, one) = (black_swan(8, 40, Backup::None).unwrap(), black_swan(1, 40, Backup::None).unwrap());
    assert_eq!(many.tenants_hurt, 5, "the tenants of its cell");
    assert_eq!(one.tenants_hurt, 40, "everybody");
    assert_eq!(many.requests, one.requests);
    let last = many.hurt.last().unwrap();
    assert_eq!((last.requests, last.tenants), (0.0, 0.0), "all is well once it is stopped");
}

#[test]
fn with_standbys_a_black_swan_hurts_only_those_whose_both_cells_it_kills() {
    let [many, backed] = [Backup::None, Backup::Standbys].map(|backup| black_swan(8, 56, backup).unwrap());
    assert_eq!((many.killed, many.all_cells_killed, many.hurt_later), (1, 7, 7), "an eighth");
    assert_eq!(backed.killed, 2, "its cell, then its standby, and not a third: {backed:?}");
    assert_eq!(backed.all_cells_killed, 2, "a 28th, as there are 28 pairs of cells");
    assert!((1..=2).contains(&backed.hurt_later), "{backed:?}");
    assert!(backed.tenants_hurt < 2 * 7, "some are hurt until the mark: {backed:?}");
    assert_eq!(backed.requests, many.requests);
    let last = backed.hurt.last().unwrap();
    assert_eq!((last.requests, last.tenants), (0.0, 0.0), "all is well once it is stopped");

    let svg = draw(&black_swan(1, 8, Backup::None).unwrap(), &many, &backed);
    for part in [
        "<title",
        "time, s",
        "8 cells",
        "8 cells with standbys",
        "one big cell",
        "requests that failed, %",
        "prefers-color-scheme:dark",
    ] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn a_busy_tenant_is_served_without_the_map_and_its_fence_closes_soon() {
    let busy = busy_tenant(2, None).unwrap();
    assert_eq!(busy.writes, 6_000);
    assert!(busy.transactions > 1.0, "some conflict: {busy:?}");
    assert!(busy.accepted as f64 >= busy.writes as f64 * 0.999, "{busy:?}");
    assert!(busy.longest <= Duration::from_secs(1), "{busy:?}");
    assert!(busy.closed_in <= Duration::from_secs(2), "{busy:?}");
}

#[test]
fn standbys_hold_what_comes_while_a_cell_is_marked_down() {
    let marked = marked_down(3, 12).unwrap();
    for phase in marked.phases.iter().filter(|phase| phase.name != "failing") {
        assert_eq!((phase.accepted, phase.same), (phase.events, phase.repeats), "{phase:?}");
    }
    for phase in &marked.phases {
        assert_eq!(phase.others_accepted, phase.others, "{phase:?}");
    }
    assert!(marked.held > 300, "{marked:?}");
    assert_eq!((marked.listed, marked.processed_by_standbys, marked.lost), (marked.held, 0, 0), "{marked:?}");
}

#[test]
fn a_cell_that_is_well_again_serves_soon_and_is_not_called_until_then() {
    let recovered = recovery(4, 40, 16).unwrap();
    assert!(recovered.served_after <= Duration::from_secs(6), "{recovered:?}");
    assert!(recovered.calls <= recovered.bound(), "{recovered:?}");
    assert_eq!((recovered.served, recovered.others_served), (1.0, 1.0), "{recovered:?}");
}

use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Epoch};

use super::frame::{count, percent, ticks};
use super::*;
use crate::plan::{Limits, Loads, Tenant, drain, rebalance};
use crate::simulate::{Scenario, run};
use crate::{Cell, Fleet};

fn id(at: usize) -> CellId {
    format!("cell-{at}").parse().unwrap()
}

/// Makes a fleet whose first cell has all tenants.
fn world(cells: usize, tenants: u64) -> (Fleet, Vec<Tenant>) {
    let cell = |at| {
        let (placed, tenants) = if at == 0 { (tenants * 2, tenants) } else { (0, 0) };
        Cell { id: id(at), status: Some(CellStatus::Active), capacity: 1_000, share: 1, placed, tenants }
    };
    let tenant = |number| Tenant {
        id: format!("t{number}").parse().unwrap(),
        weight: 2,
        home: id(0),
        standby: None,
        pinned: false,
        epoch: Epoch::FIRST,
        settled: true,
    };
    (Fleet::new((0..cells).map(cell), []), (0..tenants).map(tenant).collect())
}

/// Returns the bars of a kind, as `(left edge, top)`.
fn bars(svg: &str, class: &str) -> Vec<(f64, f64)> {
    let from = svg.find(&format!(r#"<path class="{class}" d=""#)).unwrap();
    let path = svg[from..].split('"').nth(3).unwrap();
    let bar = |text: &str| {
        let (x, rest) = text.split_once(' ').unwrap();
        let top = rest.split(['V', 'h']).nth(1).unwrap();
        (x.parse().unwrap(), top.parse().unwrap())
    };
    path.split('M').skip(1).map(bar).collect()
}

#[test]
fn a_measured_load_is_drawn_and_no_capacity() {
    let (fleet, tenants) = world(4, 100);
    let measured = tenants.iter().map(|tenant| (tenant.id.clone(), 30)).collect();
    let limits = Limits { tolerance: 0.0, max_share: 1.0 };
    let svg = plan(&rebalance(&fleet, &tenants, Loads::Measured(&measured), &limits));
    assert!(svg.contains("measured load, by cell") && !svg.contains(">capacity</text>"), "{svg}");
    assert!(svg.contains("The busiest cell before: cell-0 with 3000. The busiest cell after: cell-"), "{svg}");
    let (before, after) = (bars(&svg, "before"), bars(&svg, "after"));
    assert_eq!((before.len(), after.len()), (1, 4));
    assert_eq!(before[0].1, 128.0, "3,000 are the top of the axes");
}

#[test]
fn a_plan_is_drawn_with_a_bar_for_each_cell_that_has_tenants() {
    let (fleet, tenants) = world(4, 100);
    let svg = plan(&rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.0, max_share: 1.0 }));
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("75 tenants move, 0 get another standby, 4 cells"), "{svg}");
    assert!(svg.contains("The fullest cell before: cell-0 with 200 of 1000."), "{svg}");
    let (before, after) = (bars(&svg, "before"), bars(&svg, "after"));
    assert_eq!((before.len(), after.len()), (1, 4));
    // 200 and 50 of 1,000, on axes from 348 up to 128.
    assert_eq!((before[0].1, after[0].1), (304.0, 337.0));
    assert!(after.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for cell in 0..4 {
        assert!(svg.contains(&format!(">cell-{cell}</text>")), "{svg}");
    }
}

#[test]
fn a_drain_is_drawn_under_the_name_of_its_cell() {
    let (fleet, tenants) = world(3, 10);
    let svg = plan(&drain(&fleet, &tenants, &id(0)).unwrap());
    assert!(svg.contains("Drain of cell-0") && svg.contains("10 tenants move"), "{svg}");
    assert_eq!(bars(&svg, "after").len(), 2);
}

#[test]
fn a_large_fleet_stays_small_and_goes_without_names() {
    let (fleet, tenants) = world(1_000, 2_000);
    let svg = plan(&rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.05, max_share: 1.0 }));
    assert!(svg.len() < 100_000, "{}", svg.len());
    assert!(!svg.contains(">cell-7</text>") && svg.contains("cells, by id"));
}

#[test]
fn a_fleet_without_cells_is_drawn_empty() {
    let svg = plan(&rebalance(&Fleet::new([], []), &[], Loads::Weights, &Limits::default()));
    assert!(svg.contains("0 tenants move") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn a_report_is_drawn_with_its_figures() {
    let of = run(&Scenario { cells: 8, tenants: 1_000, failures: 2, ..Scenario::default() }).unwrap();
    let svg = report(&of);
    assert!(svg.contains("1,000 tenants in 8 cells") && svg.contains("one cell more moves"), "{svg}");
    let refused = format!("{:.1} % refused", of.failures[1].worst.refused * 100.0);
    assert!(svg.contains(&refused), "{refused} is not in {svg}");
    assert_eq!((bars(&svg, "before").len(), bars(&svg, "after").len()), (8, 9));
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    let bare = run(&Scenario { cells: 1, tenants: 1, failures: 0, ..Scenario::default() }).unwrap();
    assert!(!report(&bare).contains("NaN"), "{}", report(&bare));
}

#[test]
fn dense_bars_are_one_outline_over_the_bars_after() {
    let (fleet, tenants) = world(200, 400);
    let svg = plan(&rebalance(&fleet, &tenants, Loads::Weights, &Limits { tolerance: 0.0, max_share: 1.0 }));
    let shape = |class: &str| svg.find(&format!(r#"<path class="{class} dense" d="M88 348.0V"#));
    assert!(shape("after").unwrap() < shape("before").unwrap(), "{svg}");
    assert_eq!(svg.matches("h3.74").count(), 600, "bars after, bars before and capacities");
}

#[test]
fn numbers_are_short_and_not_nothing() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!([0.0, 0.000_202, 0.012, 0.215, 1.0].map(percent), ["0", "0.02", "1.2", "21.5", "100.0"]);
    let svg = report(&run(&Scenario { cells: 4, tenants: 40_000, failures: 0, ..Scenario::default() }).unwrap());
    // 1,000,000 in each cell.
    assert!(svg.contains(">200 k</text>") && svg.contains(">1000 k</text>") && svg.contains(">0</text>"), "{svg}");
}

#[test]
fn ticks_are_round_and_few() {
    assert_eq!(ticks(1_000.0), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
    assert_eq!(ticks(1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(ticks(7.3), [0.0, 2.0, 4.0, 6.0]);
    for most in [1.0, 3.0, 99.0, 12_345.0, 1e9] {
        let ticks = ticks(most);
        assert!((3..=6).contains(&ticks.len()), "{most}: {ticks:?}");
    }
}

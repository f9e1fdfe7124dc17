//! The report of a simulation: the load of cells, and the cost of losing some.

use super::frame::{Bars, Ground, Panel, Picture, count, percent};
use crate::simulate::Report;

const TOP: f64 = 128.0;
const HEIGHT: f64 = 240.0;

/// Draws the loads of the cells before and after one is added, and the tenants that are refused when cells are lost.
#[must_use]
pub fn report(report: &Report) -> String {
    let scenario = &report.scenario;
    let title = format!("{} tenants in {} cells", count(scenario.tenants), scenario.cells);
    let known = if scenario.undeclared { ", unknown to placement" } else { "" };
    let law = match scenario.skew {
        0.0 => "all tenants have the same load".to_owned(),
        skew => format!("loads by Zipf's law with exponent {skew}"),
    };
    let subtitle = match report.refused {
        0 => format!("{law}{known}"),
        refused => format!("{law}{known}; {} found no room", count(refused)),
    };
    let mut picture =
        Picture::on(&Ground { height: 430.0, title: &title, subtitle: &subtitle, description: &describe(report) });
    picture.legend(88.0, "as placed", "with one cell more");
    picture.legend(540.0, "without standbys", "with standbys");
    loads(&mut picture, report);
    losses(&mut picture, report);
    picture.end()
}

fn loads(picture: &mut Picture, report: &Report) {
    let (before, after) = (&report.load, &report.growth.load);
    let panel = Panel {
        left: 88.0,
        top: TOP,
        width: 380.0,
        height: HEIGHT,
        title: "load by cell",
        most: before.most.max(after.most).max(1) as f64,
        slots: after.cells.len(),
    };
    picture.axes(&panel);
    picture.bars(&panel, Bars::After, after.cells.iter().map(|load| *load as f64));
    picture.bars(&panel, Bars::Before, before.cells.iter().map(|load| *load as f64));
    let moved = percent(report.growth.moved_load);
    picture.caption(
        &panel,
        24.0,
        &format!("most / mean: {:.2}, then {:.2}", before.most_over_mean, after.most_over_mean),
    );
    picture.caption(&panel, 44.0, &format!("one cell more moves {moved} % of the load"));
}

fn losses(picture: &mut Picture, report: &Report) {
    let height = |part: f64| part * 100.0;
    let highest = report.failures.iter().map(|failure| height(failure.most_hit)).fold(1.0, f64::max);
    let panel = Panel {
        left: 540.0,
        top: TOP,
        width: 296.0,
        height: HEIGHT,
        title: "tenants refused in the worst case, %",
        most: highest * 1.08,
        slots: report.failures.len(),
    };
    picture.axes(&panel);
    picture.bars(&panel, Bars::Before, report.failures.iter().map(|failure| height(failure.most_hit)));
    picture.bars(&panel, Bars::After, report.failures.iter().map(|failure| height(failure.worst.refused)));
    for (slot, failure) in report.failures.iter().enumerate() {
        picture.label(&panel, slot, &failure.lost.to_string());
        for (bars, part) in [(Bars::Before, failure.most_hit), (Bars::After, failure.worst.refused)] {
            picture.value(&panel, slot, bars, height(part), &percent(part));
        }
    }
    picture.caption(&panel, 44.0, "cells lost at once");
}

fn describe(report: &Report) -> String {
    let loss = |failure: &crate::simulate::Failure| {
        let [hit, refused] = [failure.most_hit, failure.worst.refused].map(percent);
        let cells = if failure.lost == 1 { "cell" } else { "cells" };
        format!("{} {cells} lost: {refused} % refused, and {hit} % without standbys", failure.lost)
    };
    let losses: Vec<_> = report.failures.iter().map(loss).collect();
    format!(
        "The most loaded cell has {:.2} times the mean. {}. One cell more moves {} % of the load.",
        report.load.most_over_mean,
        losses.join("; "),
        percent(report.growth.moved_load)
    )
}

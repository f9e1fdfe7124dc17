//! `cellctl simulate`

use std::path::PathBuf;

use anyhow::Result;
use cellstack_placement::simulate::{Report, Scenario, run};
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::files::picture;

/// Place made-up tenants in made-up cells, and show what is lost when cells fail and what moves when one is added
///
/// The code that places real tenants places these. Nothing is read and nothing is changed: it needs no credentials. Loads
/// follow Zipf's law; the same options give the same report. Exit code 3 if a tenant found no room.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl simulate
  cellctl simulate --cells 100 --tenants 20000 --skew 0.5 --fail 2
  cellctl simulate --tenants 5000 --skew 0.9 --undeclared --room 100 --output json
  cellctl simulate --cells 8 --tenants 1000 --svg report.svg")]
pub(crate) struct Simulate {
    /// The number of cells, all of the same capacity
    #[arg(long, value_name = "COUNT", default_value_t = 12)]
    cells: usize,
    /// The number of tenants
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    tenants: u64,
    /// The exponent of Zipf's law: the tenant of rank k has a load in proportion to 1/k^EXPONENT; at 0 all are alike
    #[arg(long, value_name = "EXPONENT", default_value_t = 0.0)]
    skew: f64,
    /// Hide the loads from placement, which takes all tenants for equally heavy then
    #[arg(long)]
    undeclared: bool,
    /// Place tenants without a standby
    #[arg(long)]
    no_standby: bool,
    /// Percent of what is declared that the cells have room for beyond it
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    room: u16,
    /// The number of cells that fail at once, at most [default: 3, or all if there are fewer]
    #[arg(long, value_name = "COUNT")]
    fail: Option<usize>,
    /// The seed of the order in which tenants come
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Draw the report into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Cells that fail at once unless --fail says otherwise.
const FAIL: usize = 3;

impl Simulate {
    pub(crate) fn run(&self, output: Output, console: &mut Console) -> Result<Completion> {
        let report = run(&self.scenario())?;
        match output {
            Output::Json => console.json(&report)?,
            Output::Table => print(&report, console)?,
        }
        if let Some(path) = &self.svg {
            picture::write(path, &cellstack_placement::picture::report(&report), console)?;
        }
        Ok(Completion::of(report.refused == 0))
    }

    fn scenario(&self) -> Scenario {
        Scenario {
            cells: self.cells,
            tenants: self.tenants,
            skew: self.skew,
            undeclared: self.undeclared,
            standbys: !self.no_standby,
            room: f64::from(self.room) / 100.0,
            failures: self.fail.unwrap_or_else(|| FAIL.min(self.cells)),
            seed: self.seed,
        }
    }
}

fn print(report: &Report, console: &mut Console) -> Result<()> {
    // Two lost cells of a hundred take 0.0202 %.
    let percent = |part: f64| match part * 100.0 {
        small if small > 0.0 && small < 0.1 => format!("{small:.4} %"),
        percent => format!("{percent:.2} %"),
    };
    let mut loads = table(&["", "cells", "least loaded", "mean", "most loaded", "most / mean"]);
    for (name, load) in [("as placed", &report.load), ("with one cell more", &report.growth.load)] {
        let [least, most] = [load.least, load.most].map(|load| load.to_string());
        let [mean, ratio] = [format!("{:.0}", load.mean), format!("{:.3}", load.most_over_mean)];
        loads.add_row([name.to_owned(), load.cells.len().to_string(), least, mean, most, ratio]);
    }
    console.print(loads)?;
    let mut losses = table(&[
        "cells lost",
        "tenants hit",
        "refused, worst case",
        "refused, average",
        "optimum",
        "events held",
        "busiest cell left",
    ]);
    for failure in &report.failures {
        let worst = &failure.worst;
        let drawn = if failure.all { "" } else { " or more" };
        losses.add_row([
            failure.lost.to_string(),
            percent(worst.hit),
            percent(worst.refused) + drawn,
            percent(failure.mean_refused),
            percent(failure.optimum),
            format!("for {}", percent(worst.held)),
            format!("{:.2} of the mean", failure.busiest_over_mean),
        ]);
    }
    console.print(losses)?;
    say(report, console);
    Ok(())
}

fn say(report: &Report, console: &mut Console) {
    let (growth, capacity) = (&report.growth, report.capacity);
    console.say(format_args!("{} tenants placed; each cell takes {capacity}", report.placed));
    if report.refused > 0 {
        console.say(format_args!(
            "{} tenants found no room: the heaviest weighs {}, and a cell takes {capacity}; try more --room or fewer --cells",
            report.refused, report.heaviest
        ));
    }
    if report.best_most_over_mean > 1.0 {
        console.say(format_args!(
            "the heaviest tenant alone is {:.3} of the mean load of a cell: no placement can be more even",
            report.best_most_over_mean
        ));
    }
    console.say(format_args!(
        "one cell more moves {} of {} tenants, with {:.2} % of the load; {:.2} % would be even",
        growth.moves,
        report.placed,
        growth.moved_load * 100.0,
        growth.even * 100.0
    ));
}

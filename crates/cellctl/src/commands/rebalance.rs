//! `cellctl rebalance`

use std::path::PathBuf;

use anyhow::Result;
use cellstack_core::limits::USAGE_DAYS;
use cellstack_placement::plan::{Limits, Loads, rebalance};
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::operator::Routine;
use crate::planning::loads::Source;
use crate::planning::plans::{Saved, Surveyed, show};

/// Plan the moves that bring the cells into balance
///
/// Each active cell gets its part of the whole load, in proportion to its capacity and weight, within a tolerance. A tenant's
/// load is its declared weight, the events that its cells have counted, or what a file says; weights keep to the capacity of a
/// cell in each case. The moves are few, and bounded by a share of all tenants; pinned tenants stay. Nothing moves: the plan is
/// shown, and kept with --plan.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl rebalance
  cellctl rebalance --max-share 25 --plan rebalance.json
  cellctl rebalance --svg rebalance.svg
  cellctl rebalance --load usage --days 3
  cellctl plan show rebalance.json")]
pub(crate) struct Rebalance {
    /// The load to balance: weight, usage, or a file with the columns tenant and load, CSV or JSON lines
    ///
    /// With usage, a cell counts one event in 16, for all of them, when it is processed.
    #[arg(long, value_name = "SOURCE", default_value_t = Source::Weight)]
    load: Source,
    /// Days of usage, today included [default: 7]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u8).range(1..=i64::from(USAGE_DAYS)))]
    days: Option<u8>,
    /// Percent of its target by which a cell may be off
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    tolerance: u8,
    /// Percent of all tenants that the plan moves at most
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
    max_share: u8,
    /// Keep the plan in this file
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Draw the cells before and after the plan into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    by: Routine,
}

impl Rebalance {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let surveyed = Surveyed::read(deployment).await?;
        let share = |percent: u8| f64::from(percent) / 100.0;
        let limits = Limits { tolerance: share(self.tolerance), max_share: share(self.max_share) };
        let Surveyed { world, tenants } = &surveyed;
        let measured = self.load.read(deployment, &world.listing, self.days, tenants, console).await?;
        let plan = rebalance(&world.fleet, tenants, measured.as_ref().map_or(Loads::Weights, Loads::Measured), &limits);
        show(&plan, output, self.svg.as_deref(), console)?;
        // Moves that are cut off are planned when these are done, and show then whether they are enough.
        let above = if plan.cut == 0 { plan.above(&world.fleet, &limits) } else { Vec::new() };
        for cell in &above {
            console.say(format_args!("cell {cell} stays above its bound: no move of another tenant helps"));
        }
        let complete = plan.left.is_empty() && above.is_empty();
        if let Some(path) = &self.plan {
            let by = self.by.sign(console)?;
            Saved::new(deployment, &by.operator, plan).write(path)?;
            console.say(format_args!("kept in {}", path.display()));
        }
        Ok(Completion::of(complete))
    }
}

//! `cellctl rebalance`

use std::path::PathBuf;

use anyhow::Result;
use cellstack_placement::plan::{Limits, rebalance};
use clap::Args;

use crate::cli::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::operator::Routine;
use crate::plans::{Saved, Surveyed, show};

/// Plan the moves that bring the cells into balance
///
/// Each active cell gets its part of all weights, in proportion to its capacity and weight, within a tolerance. The moves are
/// few, and bounded by a share of all tenants; pinned tenants stay. Nothing moves: the plan is shown, and kept with --plan.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl rebalance
  cellctl rebalance --max-share 25 --plan rebalance.json
  cellctl rebalance --svg rebalance.svg
  cellctl plan show rebalance.json")]
pub(crate) struct Rebalance {
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
        let plan = rebalance(&surveyed.world.fleet, &surveyed.tenants, &limits);
        show(&plan, output, self.svg.as_deref(), console)?;
        let complete = plan.left.is_empty();
        if let Some(path) = &self.plan {
            let by = self.by.sign(console)?;
            Saved::new(deployment, &by.operator, plan).write(path)?;
            console.say(format_args!("kept in {}", path.display()));
        }
        Ok(Completion::of(complete))
    }
}

//! `cellctl tenants overlap`

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_placement::overlap::{Loss, Overlap};
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;

/// Show how many tenants share both their cells, and what the loss of one or two cells costs
///
/// Counts come from the registry; cellctl cells recount repairs them. The optimum is the share of tenants that share a pair if
/// all pairs have as many.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants overlap
  cellctl tenants overlap --output json")]
pub(super) struct OverlapCommand {}

impl OverlapCommand {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let overlap = Overlap::of(&deployment.fleet().await?.fleet);
        if output == Output::Json {
            console.json(&overlap)?;
            return Ok(Completion::Done);
        }
        let mut pairs = table(&["tenants that share a pair of cells", "pairs"]);
        for (tenants, count) in &overlap.pairs {
            pairs.add_row([tenants.to_string(), count.to_string()]);
        }
        console.print(pairs)?;
        let mut losses =
            table(&["lost, in the worst case", "tenants refused", "their share", "optimum", "events held"]);
        for Loss { cells, refused, held, refused_share, optimum } in overlap.one.iter().chain(&overlap.two) {
            let cells: Vec<&str> = cells.iter().map(CellId::as_str).collect();
            let [share, optimum] = [refused_share, optimum].map(|share| format!("{:.2} %", share * 100.0));
            losses.add_row([cells.join(" and "), refused.to_string(), share, optimum, format!("for {held}")]);
        }
        console.print(losses)?;
        console.say(format_args!(
            "{} cells, {} tenants, {} without a standby; {:.1} tenants per pair would be even",
            overlap.cells, overlap.tenants, overlap.without_standby, overlap.even
        ));
        Ok(Completion::Done)
    }
}

//! `cellctl moves back`

use anyhow::{Result, bail};
use cellstack_store::moves::{MoveId, MoveRecord, Phase};
use clap::Args;

use super::read;
use crate::commands::tenants::{Passage, standby};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::Manner;
use crate::operator::Operator;

/// Move a tenant back to the cell that a move has taken it from
///
/// It is another move forward, under the same checks. What the old cell has kept need not be copied again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves back 01932c07-209c-7a3e-8000-0123456789ab --reason 'beta is slower' --dry-run
  cellctl moves back 01932c07-209c-7a3e-8000-0123456789ab --reason 'beta is slower'")]
pub(super) struct Back {
    /// The move
    #[arg(value_name = "MOVE")]
    id: MoveId,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    by: Operator,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Back {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let record = read(deployment, self.id).await?;
        has_taken(&record)?;
        let tables = deployment.tables();
        let entry = deployment.placement(&tables, &by.operator).settled(&record.tenant).await?;
        if entry.route.cell_id != record.to {
            bail!(
                "{} is in {} by now; expected {}: move it with `cellctl tenants move {} --to {}`",
                record.tenant,
                entry.route.cell_id,
                record.to,
                record.tenant,
                record.from
            );
        }
        let world = deployment.fleet().await?;
        let before = record.standby_before.as_ref().map_or("none", |cell| cell.as_str());
        let standby = standby(&world, &entry, &record.from, Some(before))?;
        let passage = Passage { entry, to: record.from, standby, manner: self.manner };
        passage.go(deployment, &by, &world, self.dry_run, output, console).await
    }
}

/// Checks that a move has taken its tenant to the other cell.
fn has_taken(record: &MoveRecord) -> Result<()> {
    let MoveRecord { id, tenant, from, to, phase, .. } = record;
    match phase {
        // The copy of a move that was aborted is purged, too.
        Phase::Flipped | Phase::Purged if record.has_flipped() => Ok(()),
        Phase::Flipped | Phase::Purged | Phase::Aborted => {
            bail!("move {id} is aborted; expected one that has taken {tenant} to {to}: this one has left it in {from}")
        }
        Phase::Moving | Phase::Fenced | Phase::Carrying | Phase::Drained | Phase::Verified => {
            let phase = phase.as_str();
            // Like `moves abort`, which refuses a move that hands events over.
            if record.carries {
                bail!(
                    "move {id} is {phase}; expected one that has ended: it can only go forward, with `cellctl moves resume {id}`"
                );
            }
            bail!("move {id} is {phase}; expected one that has ended: `cellctl moves abort {id}` undoes it")
        }
    }
}

//! `cellctl moves abort`

use anyhow::Result;
use cellstack_store::moves::MoveId;
use clap::Args;

use super::read;
use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::{ShownMove, abort, claim, may_abort};
use crate::operator::Operator;

/// Undo a move that has not ended: the source has the tenant again
///
/// The move's record is watched for 15 s first: a run that lives keeps the move. What was copied stays in the destination until
/// `cellctl moves purge`, and saves the next move its time. A move that hands over what its source did not process can only go
/// forward.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves abort 01932c07-209c-7a3e-8000-0123456789ab --reason 'beta is too slow'")]
pub(super) struct Abort {
    /// The move
    #[arg(value_name = "MOVE")]
    id: MoveId,
    #[command(flatten)]
    by: Operator,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Abort {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let seen = read(deployment, self.id).await?;
        console.say(format_args!("move {} of {} is {}, by {}", self.id, seen.tenant, seen.phase.as_str(), seen.by));
        may_abort(&seen)?;
        if self.dry_run {
            console.say(format_args!("{} would stay in {}", seen.tenant, seen.from));
            return Ok(Completion::Done);
        }
        let record = claim(deployment, self.id, &by).await?;
        let before = Facts::default().text("phase", record.phase.as_str()).text("move", &self.id.to_string());
        let trail = audit::begin(deployment, &by, "moves abort", record.tenant.to_string(), before).await?;
        let aborted = abort(deployment, &record, &by).await;
        let troubles: Vec<String> = aborted.as_ref().err().map(|error| format!("{error:#}")).into_iter().collect();
        trail.end(Facts::default().text("cell", record.from.as_str()), Facts::default(), &troubles).await?;
        let epoch = aborted?;
        console.say(format_args!("{} stays in {}, under epoch {}", record.tenant, record.from, epoch.0));
        if output == Output::Json {
            console.json(&ShownMove::from(&read(deployment, self.id).await?))?;
        }
        Ok(Completion::Done)
    }
}

//! `cellctl moves resume`

use anyhow::Result;
use cellstack_store::moves::MoveId;
use clap::Args;

use super::read;
use crate::audit::{self, Facts};
use crate::commands::tenants::go_on;
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::{Manner, Sites, claim};
use crate::operator::Operator;

/// Resume a move whose run has ended early
///
/// The move's record is watched for 15 s first: a run that lives changes it, and keeps the move. The wait for old routes begins
/// anew, since the clock of the machine that began it does not matter here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves resume 01932c07-209c-7a3e-8000-0123456789ab --reason 'ann has lost her laptop'")]
pub(super) struct Resume {
    /// The move
    #[arg(value_name = "MOVE")]
    id: MoveId,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    by: Operator,
}

impl Resume {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let seen = read(deployment, self.id).await?;
        console.say(format_args!("move {} of {} is {}, by {}", self.id, seen.tenant, seen.phase.as_str(), seen.by));
        let record = claim(deployment, self.id, &by).await?;
        let sites = Sites::of(&deployment.fleet().await?, &record)?;
        let before = Facts::default().text("phase", record.phase.as_str()).text("move", &self.id.to_string());
        let trail = audit::begin(deployment, &by, "moves resume", record.tenant.to_string(), before).await?;
        go_on(deployment, &by, sites, self.manner, record, trail, output, console).await
    }
}

//! `cellctl moves pause` and `cellctl moves unpause`

use anyhow::Result;
use cellstack_core::Clock as _;
use cellstack_core::event::rfc3339;
use cellstack_store::moves::Switch;
use clap::Args;
use serde_json::json;

use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::PausedBy;
use crate::operator::Operator;

/// Pause all runs of plans
///
/// Moves that are under way continue to their end. Runs wait until `cellctl moves unpause`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves pause --reason 'an incident in beta'")]
pub(super) struct Pause {
    #[command(flatten)]
    by: Operator,
}

/// Resume runs of plans
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves unpause --reason 'beta is well'")]
pub(super) struct Unpause {
    #[command(flatten)]
    by: Operator,
}

impl Pause {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let switch = Switch { client: &deployment.dynamodb, registry: &deployment.registry() };
        if let Some(paused) = switch.read().await?.map(PausedBy::from) {
            let PausedBy { by, at, reason } = &paused;
            console.say(format_args!("runs are paused by {by} since {at}: {reason}"));
            return show(Some(&paused), output, console);
        }
        let trail = audit::begin(deployment, &by, "moves pause", "all moves".to_owned(), Facts::default()).await?;
        let now_ms = deployment.clock.wall_ms();
        switch.set(true, &by.operator, &by.reason, now_ms).await?;
        trail.end(Facts::default(), Facts::default(), &[]).await?;
        console.say("runs are paused: moves that are under way continue to their end, and none begins");
        let paused = PausedBy { by: by.operator, at: rfc3339(now_ms), reason: by.reason };
        show(Some(&paused), output, console)
    }
}

impl Unpause {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let switch = Switch { client: &deployment.dynamodb, registry: &deployment.registry() };
        let trail = audit::begin(deployment, &by, "moves unpause", "all moves".to_owned(), Facts::default()).await?;
        switch.set(false, &by.operator, &by.reason, deployment.clock.wall_ms()).await?;
        trail.end(Facts::default(), Facts::default(), &[]).await?;
        console.say("runs continue");
        show(None, output, console)
    }
}

/// Shows programs whose pause there is.
fn show(paused: Option<&PausedBy>, output: Output, console: &mut Console) -> Result<Completion> {
    if output == Output::Json {
        console.json(&json!({ "paused": paused }))?;
    }
    Ok(Completion::Done)
}

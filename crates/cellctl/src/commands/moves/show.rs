//! `cellctl moves show`

use anyhow::Result;
use cellstack_store::moves::MoveId;
use clap::Args;

use super::read;
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::ShownMove;

/// Show a move: its phases with their times, what was copied and compared, and how long callers waited
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves show 01932c07-209c-7a3e-8000-0123456789ab
  cellctl moves show 01932c07-209c-7a3e-8000-0123456789ab --output json")]
pub(super) struct Show {
    /// The move
    #[arg(value_name = "MOVE")]
    id: MoveId,
}

impl Show {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let record = read(deployment, self.id).await?;
        ShownMove::from(&record).print(output, console)?;
        Ok(Completion::Done)
    }
}

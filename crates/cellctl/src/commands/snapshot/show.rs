//! `cellctl snapshot show`

use anyhow::{Context as _, Result};
use cellstack_core::limits::SNAPSHOT_READ_TIMEOUT;
use cellstack_store::snapshot::SnapshotSource;
use clap::Args;

use super::summary::{CellCounts, Summary};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Check a snapshot as a router would, block by block, and show what is in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl snapshot show --from file:///tmp/cellstack-map
  cellctl snapshot show --from s3://my-bucket/cellstack/map --output json")]
pub(super) struct Show {
    /// The snapshot: s3://bucket/key or file:///path
    #[arg(long, value_name = "PLACE")]
    from: SnapshotSource,
}

impl Show {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let failed = || format!("could not read {}", self.from);
        // An operator has more time than a router.
        let opened = self.from.open(&deployment.config, SNAPSHOT_READ_TIMEOUT).await.with_context(failed)?;
        let mut counts = CellCounts::default();
        let checked = opened.check(&deployment.config, SNAPSHOT_READ_TIMEOUT, |route| counts.add(route)).await;
        checked.with_context(failed)?;
        let index = opened.index();
        let summary = Summary::of(&self.from, index.header(), index.cells(), counts);
        summary.print(output, console)?;
        console.say(format_args!("{}: {}, in {}", self.from, summary.line(), summary.blocks()));
        Ok(Completion::Done)
    }
}

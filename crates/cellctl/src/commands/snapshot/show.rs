//! `cellctl snapshot show`

use anyhow::{Context as _, Result};
use cellstack_core::limits::SNAPSHOT_WRITE_TIMEOUT;
use cellstack_store::snapshot::SnapshotSource;
use clap::Args;

use super::summary::Summary;
use crate::cli::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Check a snapshot as a router would, and show what is in it
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
        // An operator has more time than a router.
        let snapshot = self.from.read_within(&deployment.config, SNAPSHOT_WRITE_TIMEOUT).await;
        let snapshot = snapshot.with_context(|| format!("could not read {}", self.from))?;
        let summary = Summary::of(&self.from, &snapshot);
        summary.print(output, console)?;
        console.say(format_args!("{}: {}", self.from, summary.line()));
        Ok(Completion::Done)
    }
}

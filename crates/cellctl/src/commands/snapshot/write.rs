//! `cellctl snapshot write`

use anyhow::{Context as _, Result, bail};
use cellstack_core::event::rfc3339;
use cellstack_core::limits::SNAPSHOT_WRITE_TIMEOUT;
use cellstack_core::snapshot::Snapshot;
use cellstack_store::snapshot::{SnapshotError, SnapshotSource};
use clap::Args;

use super::summary::Summary;
use crate::audit::{self, Counts, Signature};
use crate::cli::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::operator::Routine;
use crate::scan;

/// Write a snapshot of the tenant map and the cells
///
/// Reads the map and the registry whole and strongly consistent: one read unit per 4 KB. Run it as often as tenants are
/// placed and moved: a router that starts from the snapshot has routes as old as the snapshot.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl snapshot write --to file:///tmp/cellstack-map --dry-run
  cellctl snapshot write --to file:///tmp/cellstack-map
  cellctl snapshot write --to s3://my-bucket/cellstack/map --reason 'hourly'")]
pub(super) struct Write {
    /// The snapshot's place: s3://bucket/key or file:///path
    #[arg(long, value_name = "PLACE")]
    to: SnapshotSource,
    #[command(flatten)]
    by: Routine,
    /// Write over a newer snapshot, or over something else, without reading it
    #[arg(long)]
    force: bool,
    /// Say what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Write {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let scan = scan::take(deployment).await?;
        if !self.force {
            let there = self.to.read_within(&deployment.config, SNAPSHOT_WRITE_TIMEOUT).await;
            may_replace(&self.to, there, scan.snapshot.taken_at_ms)?;
        }
        let summary = Summary::of(&self.to, &scan.snapshot);
        if !self.dry_run {
            let by = self.by.sign(console)?;
            self.write(deployment, &by, &scan.snapshot).await?;
        }
        summary.print(output, console)?;
        let done = if self.dry_run { "would be written" } else { "written" };
        console.say(format_args!("{} {done} to {}", summary.line(), self.to));
        for reason in &scan.unreadable {
            console.say(format_args!("left out: {reason}"));
        }
        let unregistered = summary.unregistered();
        if !unregistered.is_empty() {
            console.say(format_args!("tenants name cells that are not registered: {}", unregistered.join(", ")));
        }
        Ok(Completion::of(scan.unreadable.is_empty() && unregistered.is_empty()))
    }

    async fn write(&self, deployment: &Deployment, by: &Signature, snapshot: &Snapshot) -> Result<()> {
        let scope = format!("--to {}{}", self.to, if self.force { " --force" } else { "" });
        let entry = audit::begin(deployment, by, "snapshot write", scope, Counts::new()).await?;
        let written = self.to.write(&deployment.config, snapshot).await;
        let written = written.with_context(|| format!("could not write {}", self.to));
        let troubles: Vec<String> = written.as_ref().err().map(|error| format!("{error:#}")).into_iter().collect();
        let count = |name: &str, count: usize| (name.to_owned(), count as u64);
        let done = if troubles.is_empty() {
            Counts::from([count("tenants", snapshot.tenants.len()), count("cells", snapshot.cells.len())])
        } else {
            Counts::new()
        };
        entry.end(&Counts::new(), &done, &troubles).await?;
        written
    }
}

/// Checks that the contents of a place may be replaced by a snapshot that was taken at `taken_at_ms`.
fn may_replace(place: &SnapshotSource, there: Result<Snapshot, SnapshotError>, taken_at_ms: u64) -> Result<()> {
    match there {
        Err(SnapshotError::Missing) => Ok(()),
        Ok(there) if there.taken_at_ms <= taken_at_ms => Ok(()),
        Ok(there) => bail!(
            "{place} holds a newer snapshot, taken at {}; this one was taken at {}. If a clock was wrong: --force",
            rfc3339(there.taken_at_ms),
            rfc3339(taken_at_ms)
        ),
        Err(error @ (SnapshotError::File(_) | SnapshotError::S3(_) | SnapshotError::Config(_))) => {
            Err(error).with_context(|| format!("could not look at what {place} holds"))
        }
        Err(error) => Err(error).with_context(|| format!("{place} holds something else; --force writes over it")),
    }
}

#[cfg(test)]
mod tests {
    use cellstack_aws::fetch::FetchError;
    use cellstack_core::snapshot::InvalidSnapshot;

    use super::*;

    #[test]
    fn only_nothing_and_an_older_snapshot_give_way() {
        let place: SnapshotSource = "s3://maps/map".parse().unwrap();
        let taken_at = |taken_at_ms| Ok(Snapshot { taken_at_ms, ..Snapshot::default() });
        let refused = |there| format!("{:#}", may_replace(&place, there, 1_000).unwrap_err());
        assert!(may_replace(&place, Err(SnapshotError::Missing), 1_000).is_ok());
        assert!(may_replace(&place, taken_at(1_000), 1_000).is_ok());
        let newer = refused(taken_at(1_001));
        assert!(
            newer.starts_with("s3://maps/map holds a newer snapshot, taken at 1970-01-01T00:00:01.001Z"),
            "{newer}"
        );
        let foreign = refused(Err(SnapshotError::Invalid(InvalidSnapshot::Foreign("'<html>'".to_owned()))));
        assert!(
            foreign.starts_with("s3://maps/map holds something else; --force writes over it: expected"),
            "{foreign}"
        );
        let away = refused(Err(SnapshotError::S3(FetchError::Unreachable("refused".to_owned()))));
        let expected =
            "could not look at what s3://maps/map holds: S3 did not give or take it: the server can't be reached";
        assert!(away.starts_with(expected), "{away}");
    }
}

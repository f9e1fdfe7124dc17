//! `cellctl snapshot write`

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use cellstack_core::event::rfc3339;
use cellstack_core::limits::SNAPSHOT_READ_TIMEOUT;
use cellstack_core::snapshot::{Encoded, Header};
use cellstack_store::snapshot::{SnapshotError, SnapshotSource};
use clap::Args;

use super::scan::{self, Scan};
use super::summary::{CellCounts, Summary};
use crate::audit::{self, Counts, Signature};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::operator::Routine;

/// Write a snapshot of the tenant map and the cells
///
/// Reads the map and the registry whole and strongly consistent: one read unit per 4 KB. Run it as often as tenants are
/// placed and moved: a router that starts from the snapshot has routes as old as the snapshot. A snapshot has 1 GiB at
/// most, some twenty million tenants, and takes so much memory here while it is made.
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
        let mut counts = CellCounts::default();
        let Scan { snapshot, cells, unreadable } = scan::take(deployment, |route| counts.add(route)).await?;
        if !self.force {
            let there = self.to.header(&deployment.config, SNAPSHOT_READ_TIMEOUT).await;
            may_replace(&self.to, there, snapshot.header().taken_at)?;
        }
        let summary = Summary::of(&self.to, snapshot.header(), &cells, counts);
        if !self.dry_run {
            let by = self.by.sign(console)?;
            self.write(deployment, &by, &Arc::new(snapshot)).await?;
        }
        summary.print(output, console)?;
        let done = if self.dry_run { "would be written" } else { "written" };
        console.say(format_args!("{} {done} to {}, in {}", summary.line(), self.to, summary.blocks()));
        for reason in &unreadable {
            console.say(format_args!("left out: {reason}"));
        }
        let unregistered = summary.unregistered();
        if !unregistered.is_empty() {
            console.say(format_args!("tenants name cells that are not registered: {}", unregistered.join(", ")));
        }
        Ok(Completion::of(unreadable.is_empty() && unregistered.is_empty()))
    }

    async fn write(&self, deployment: &Deployment, by: &Signature, snapshot: &Arc<Encoded>) -> Result<()> {
        let scope = format!("--to {}{}", self.to, if self.force { " --force" } else { "" });
        let entry = audit::begin(deployment, by, "snapshot write", scope, Counts::new()).await?;
        let written = self.to.write(&deployment.config, snapshot).await;
        let written = written.with_context(|| format!("could not write {}", self.to));
        let troubles: Vec<String> = written.as_ref().err().map(|error| format!("{error:#}")).into_iter().collect();
        let done = if troubles.is_empty() {
            let Header { tenants, cells, .. } = *snapshot.header();
            Counts::from([("tenants".to_owned(), tenants), ("cells".to_owned(), cells)])
        } else {
            Counts::new()
        };
        entry.end(&Counts::new(), &done, &troubles).await?;
        written
    }
}

/// Checks that the contents of a place may be replaced by a snapshot that was taken at `taken_at`.
fn may_replace(place: &SnapshotSource, there: Result<Header, SnapshotError>, taken_at: u64) -> Result<()> {
    match there {
        Err(SnapshotError::Missing) => Ok(()),
        Ok(there) if there.taken_at <= taken_at => Ok(()),
        Ok(there) => bail!(
            "{place} holds a newer snapshot, taken at {}; this one was taken at {}. If a clock was wrong: --force",
            rfc3339(there.taken_at),
            rfc3339(taken_at)
        ),
        Err(error @ SnapshotError::Invalid(_)) => {
            Err(error).with_context(|| format!("{place} holds something else; --force writes over it"))
        }
        Err(error) => Err(error).with_context(|| format!("could not look at what {place} holds")),
    }
}

#[cfg(test)]
mod tests {
    use cellstack_aws::fetch::FetchError;
    use cellstack_core::snapshot::{Draft, InvalidSnapshot};

    use super::*;

    #[test]
    fn only_nothing_and_an_older_snapshot_give_way() {
        let place: SnapshotSource = "s3://maps/map".parse().unwrap();
        let taken_at = |at| Ok(Draft::new(at).encode(&[].into()).unwrap().header().clone());
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
        let part = SnapshotError::Part { first: 0, last: 9, found: "no usable ETag".to_owned() };
        let part = refused(Err(part));
        assert!(part.starts_with("could not look at what s3://maps/map holds: expected the bytes 0 to 9"), "{part}");
        let away = refused(Err(SnapshotError::S3(FetchError::Unreachable("refused".to_owned()))));
        let expected =
            "could not look at what s3://maps/map holds: S3 did not give or take it: the server can't be reached";
        assert!(away.starts_with(expected), "{away}");
    }
}

//! `cellctl dlq purge`

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use cellstack_core::CellId;
use cellstack_core::dead_letter::{Place, Reason};
use clap::{ArgGroup, Args};
use serde::Serialize;

use super::{Scope, sizes};
use crate::audit::{self, Counts};
use crate::completion::Completion;
use crate::console::progress::Progress;
use crate::console::{Console, Output, dead_letters, table};
use crate::deployment::Deployment;
use crate::dlq::{DeadLetterQueue, Found, Reader};
use crate::operator::Operator;

/// Delete dead letters for good
///
/// An event whose letter is deleted does not change in its cell's table: an accepted event stays accepted, and nothing
/// sends it again. With --output json every letter is printed whole, one per line, before it is deleted: keep that
/// output, and nothing is lost.
///
/// A filter selects letters; --all selects every letter of every cell. Exit code 3 if a filter matches no letter.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(FILTERS).arg("all").multiple(true).required(true))]
#[command(after_help = "Examples:
  cellctl dlq purge --cell beta --because refused --reason 'test data' --dry-run
  cellctl dlq purge --cell beta --because refused --reason 'test data' --yes
  cellctl dlq purge --all --reason 'a stack of tests' --yes --output json > letters.jsonl")]
pub(super) struct Purge {
    #[command(flatten)]
    scope: Scope,
    /// Every letter of every cell; required if no filter selects letters
    #[arg(long, conflicts_with_all = FILTERS)]
    all: bool,
    #[command(flatten)]
    operator: Operator,
    /// Stop after deleting this many letters
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// Yes, delete them
    #[arg(long, required_unless_present = "dry_run")]
    yes: bool,
    /// Say what would be deleted and delete nothing; letters are hidden for the seconds this takes
    #[arg(long)]
    dry_run: bool,
}

/// The arguments that select letters.
const FILTERS: [&str; 5] = ["cell", "place", "because", "tenant", "event"];

const MAX_IN_HAND: usize = 100_000;

#[derive(Default)]
struct Purged {
    groups: BTreeMap<(CellId, Place, Reason), usize>,
    count: usize,
    passed_over: usize,
    unseen: Vec<String>,
    troubles: Vec<String>,
}

/// A letter as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    queue: &'a str,
    #[serde(flatten)]
    found: &'a Found,
}

impl Purge {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.operator.sign(console)?;
        let queues = self.scope.queues(deployment).await?;
        let before = sizes(&queues).await?;
        let progress = Progress::over(before.values().sum(), console);
        let entry = if self.dry_run {
            None
        } else {
            Some(audit::begin(deployment, &by, "dlq purge", self.scope.to_string(), before).await?)
        };
        let mut purged = Purged::default();
        for queue in &queues {
            if let Err(error) = self.queue(queue, deployment, output, console, &progress, &mut purged).await {
                purged.troubles.push(format!("{}: {error:#}", queue.name()));
            }
        }
        progress.finish();
        if let Some(entry) = entry {
            let after = sizes(&queues).await?;
            let done = Counts::from([("deleted".to_owned(), purged.count as u64)]);
            entry.end(&after, &done, &purged.troubles).await?;
        }
        self.conclude(&purged, output, deployment, console)
    }

    async fn queue(
        &self,
        queue: &DeadLetterQueue,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
        progress: &Progress,
        purged: &mut Purged,
    ) -> Result<()> {
        let mut reader = Reader::open(queue, MAX_IN_HAND).await?;
        let ended = loop {
            if deployment.stop().is_cancelled() || self.max.is_some_and(|max| purged.count >= max) {
                break Ok(());
            }
            let found = match reader.next().await {
                Ok(Some(found)) => found,
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure.into()),
            };
            progress.letter();
            if !self.scope.filter.matches(&found) {
                purged.passed_over += 1;
                continue;
            }
            if let Err(error) = self.letter(&mut reader, &found, queue.name(), output, console).await {
                break Err(error);
            }
            purged.count += 1;
            *purged.groups.entry((found.cell, found.place, found.letter.reason)).or_default() += 1;
        };
        if let Some(unseen) = reader.unseen() {
            purged.unseen.push(format!("{}: {unseen}", queue.name()));
        }
        reader.close().await;
        ended
    }

    async fn letter(
        &self,
        reader: &mut Reader<'_>,
        found: &Found,
        queue: &str,
        output: Output,
        console: &mut Console,
    ) -> Result<()> {
        if output == Output::Json {
            let line = serde_json::to_string(&Line { queue, found })?;
            console.print(line).context("a letter that can't be printed is not deleted")?;
        }
        if !self.dry_run {
            reader.delete(found).await?;
        }
        Ok(())
    }

    fn conclude(
        &self,
        purged: &Purged,
        output: Output,
        deployment: &Deployment,
        console: &mut Console,
    ) -> Result<Completion> {
        if output == Output::Table {
            let mut table =
                table(&["cell", "place", "reason", if self.dry_run { "would be deleted" } else { "deleted" }]);
            for ((cell, place, reason), count) in &purged.groups {
                table.add_row([cell.as_str(), place.as_str(), reason.as_str(), &count.to_string()]);
            }
            console.print(table)?;
        }
        let would = if self.dry_run { "would be " } else { "" };
        console.say(format_args!(
            "{} {would}deleted, {} passed over by the filter",
            dead_letters(purged.count),
            purged.passed_over
        ));
        let stopped = deployment.stop().is_cancelled();
        let matched_nothing = !self.all && purged.count == 0 && purged.troubles.is_empty() && !stopped;
        if matched_nothing {
            console.say(format_args!("no letter matches: {}", self.scope));
        }
        for unseen in &purged.unseen {
            console.say(format_args!("not all was seen: {unseen}"));
        }
        if !purged.troubles.is_empty() {
            bail!("{}", purged.troubles.join("; "));
        }
        Ok(Completion::of(purged.unseen.is_empty() && !stopped && !matched_nothing))
    }
}

//! `cellctl dlq redrive`

use anyhow::{Result, bail};
use clap::Args;

use super::{Scope, sizes};
use crate::audit;
use crate::completion::Completion;
use crate::console::progress::Progress;
use crate::console::{Console, Output, dead_letters, table};
use crate::deployment::Deployment;
use crate::dlq::redrive::{Limits, Rate, Redrive, Report};
use crate::operator::Operator;

/// Send the events of dead letters again, to the cell each tenant is in now
///
/// Each letter's event is looked up in its tenant's current cell. If it is processed already, its letter is deleted. If
/// it failed, it is set back to accepted and sent. If it is accepted, it is sent. Only then is the letter deleted, so a
/// run that was stopped or killed is simply run again: an event sent twice has its effect once. A killed run's letters
/// are hidden for up to two minutes.
///
/// A stream mapping's note (stream-gave-up) names no events. The events that were accepted about then, and still are
/// accepted, are found in the cell's table, which is read whole for it.
///
/// Skipped, and reported: letters that name no event, events that can't be read, tenants that are unknown or just
/// moving, cells that are down, events redriven --max-attempts times, and events that come back within the same run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl dlq redrive --because refused --reason 'fixed in 1.4.2' --dry-run
  cellctl dlq redrive --place topic --rate 50/s --reason 'the queue is back'")]
pub(super) struct RedriveDeadLetters {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    operator: Operator,
    /// Send no faster than this
    #[arg(long, value_name = "N/s", default_value = "10/s")]
    rate: Rate,
    /// Stop after sending this many messages
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// Skip an event that was redriven this often
    #[arg(long, value_name = "N", default_value_t = 3)]
    max_attempts: u32,
    /// Say what would happen and change nothing; letters are hidden for the seconds this takes
    #[arg(long)]
    dry_run: bool,
}

impl RedriveDeadLetters {
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
            let scope = format!("{} --rate {} --max-attempts {}", self.scope, self.rate, self.max_attempts);
            Some(audit::begin(deployment, &by, "dlq redrive", scope, before).await?)
        };
        let limits = Limits { rate: self.rate, max: self.max, max_attempts: self.max_attempts, dry_run: self.dry_run };
        let report = Redrive::new(deployment, limits).run(&queues, &self.scope.filter, &progress).await;
        progress.finish();
        // The report comes before anything else can fail.
        match output {
            Output::Json => console.json(&report)?,
            Output::Table => console.print(rows(&report))?,
        }
        if let Some(entry) = entry {
            let after = sizes(&queues).await?;
            entry.end(&after, &report.counts(), &report.troubles).await?;
        }
        self.conclude(&report, deployment, console)
    }

    fn conclude(&self, report: &Report, deployment: &Deployment, console: &mut Console) -> Result<Completion> {
        let (sent, deleted, left) = (report.count("sent"), report.count("deleted"), report.count("left"));
        let would = if self.dry_run { "would be " } else { "" };
        console.say(format_args!(
            "{sent} {would}sent, {} {would}deleted with nothing left to do, {left} skipped, {} passed over by the filter",
            dead_letters(deleted),
            report.passed_over
        ));
        let mut all_done = left == 0;
        for unseen in &report.unseen {
            console.say(format_args!("not all was seen: {unseen}"));
            all_done = false;
        }
        if deployment.stop().is_cancelled() {
            console.say("stopped: run it again to continue");
            all_done = false;
        }
        if !report.troubles.is_empty() {
            bail!("{}; run it again to continue", report.troubles.join("; "));
        }
        Ok(Completion::of(all_done))
    }
}

fn rows(report: &Report) -> comfy_table::Table {
    let mut table = table(&["cell", "place", "reason", "outcome", "", "letters"]);
    for ((cell, place, reason, outcome, what), count) in report.summary() {
        table.add_row([cell.as_str(), place.as_str(), reason.as_str(), outcome, what, &count.to_string()]);
    }
    table
}

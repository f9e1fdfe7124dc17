//! The audit trail, read: each run with its beginning and its end.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::event::rfc3339;
use cellstack_store::audit::{ENDED, PARTITION};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::deployment::Deployment;

/// A run of a command, as the trail has it.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    run: String,
    /// The time at which it began.
    pub(crate) at: String,
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) scope: String,
    pub(crate) why: String,
    pub(crate) outcome: RunOutcome,
    before: Value,
    after: Value,
    done: Value,
    pub(crate) troubles: Vec<String>,
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunOutcome {
    /// It ended without trouble.
    Done,
    /// It ended with trouble.
    Failed,
    /// It was killed, or is still running.
    Unfinished,
}

impl RunOutcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unfinished => "unfinished",
        }
    }
}

/// An entry as stored.
#[derive(Debug, Deserialize)]
struct Stored {
    run: String,
    phase: String,
    at: String,
    who: String,
    what: String,
    scope: String,
    why: String,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    done: Value,
    #[serde(default)]
    troubles: Vec<String>,
}

/// Reads the runs that are wanted and began at `since` or later, in milliseconds since the Unix epoch, the latest first.
pub(crate) async fn runs(
    deployment: &Deployment,
    limit: usize,
    since: u64,
    wanted: impl Fn(&Run) -> bool,
) -> Result<Vec<Run>, AwsFailure> {
    const WHAT: &str = "read the audit trail";
    let mut entries = deployment
        .dynamodb
        .query()
        .table_name(deployment.registry())
        .key_condition_expression("pk = :audit AND sk >= :since")
        .expression_attribute_values(":since", text(&rfc3339(since)))
        .consistent_read(true)
        .expression_attribute_values(":audit", text(PARTITION))
        .scan_index_forward(false)
        .into_paginator()
        .items()
        .send();
    let (mut runs, mut ends): (Vec<Run>, HashMap<String, Stored>) = Default::default();
    while let Some(entry) = entries.next().await {
        let entry = entry.map_err(|error| AwsFailure::of(WHAT, error))?;
        let entry: Stored =
            serde_dynamo::from_item(entry).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
        if runs.len() >= limit && runs.last().is_some_and(|last| entry.at < last.at) {
            break;
        }
        // The end of a run comes before its beginning: the latest is first. Entries of one millisecond come in any order.
        if entry.phase == ENDED {
            match runs.iter_mut().rev().find(|run| run.run == entry.run) {
                Some(run) => run.end(entry),
                None => drop(ends.insert(entry.run.clone(), entry)),
            }
            continue;
        }
        let end = ends.remove(&entry.run);
        let mut run = entry.into_run();
        if let Some(end) = end {
            run.end(end);
        }
        if wanted(&run) {
            runs.push(run);
        }
    }
    runs.truncate(limit);
    Ok(runs)
}

impl Run {
    fn end(&mut self, end: Stored) {
        self.outcome = if end.troubles.is_empty() { RunOutcome::Done } else { RunOutcome::Failed };
        (self.after, self.done, self.troubles) = (end.after, end.done, end.troubles);
    }
}

impl Stored {
    fn into_run(self) -> Run {
        let Self { run, at, who, what, scope, why, before, .. } = self;
        let (after, done, troubles) = Default::default();
        Run { run, at, who, what, scope, why, outcome: RunOutcome::Unfinished, before, after, done, troubles }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

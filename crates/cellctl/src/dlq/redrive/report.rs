//! The results of a run.

use std::collections::BTreeMap;

use cellstack_core::dead_letter::{Place, Reason};
use cellstack_core::{CellId, EventId, EventStatus, TenantId};
use serde::Serialize;

use super::decide::SkipReason;
use crate::audit::Counts;
use crate::dlq::{Found, Subject};

/// The outcome of a letter, or of an event that a stream mapping's note stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its message was sent to this cell.
    Sent(CellId),
    /// It was deleted: nothing was left to do.
    Settled(EventStatus),
    /// A stream mapping's note was deleted: this many of its events were sent.
    Swept(usize),
    /// It was skipped.
    Skipped(SkipReason),
}

/// A line of a report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) cell: CellId,
    pub(crate) place: Place,
    pub(crate) reason: Reason,
    pub(crate) message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<EventId>,
    pub(crate) redrives: u32,
    /// `sent`, `deleted` or `left`.
    pub(crate) outcome: &'static str,
    /// The cell it was sent to, or the reason why it was deleted or skipped.
    pub(crate) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Row {
    pub(crate) fn of(found: &Found, subject: Option<&Subject>, outcome: &Outcome) -> Self {
        let (word, what, detail) = match outcome {
            Outcome::Sent(cell) => ("sent", format!("to cell {cell}"), None),
            Outcome::Settled(status) => ("deleted", format!("its event is {status}"), None),
            Outcome::Swept(events) => {
                ("deleted", "its batch's events were looked after".to_owned(), Some(format!("{events} sent")))
            }
            Outcome::Skipped(left) => ("left", left.to_string(), left.detail()),
        };
        Self {
            cell: found.cell.clone(),
            place: found.place,
            reason: found.letter.reason,
            message_id: found.message_id.clone(),
            tenant: subject.map(|subject| subject.tenant.clone()),
            event: subject.map(|subject| subject.event),
            redrives: found.redrives,
            outcome: word,
            what,
            detail,
        }
    }
}

/// A report of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) dry_run: bool,
    /// Letters, and the events that notes of stream mappings stand for.
    #[serde(rename = "letters")]
    pub(crate) dead_letters: Vec<Row>,
    /// Letters that did not match the filter.
    pub(crate) passed_over: usize,
    /// The reasons why there may be letters that were not seen.
    pub(crate) unseen: Vec<String>,
    /// The failures of the run.
    pub(crate) troubles: Vec<String>,
}

impl Report {
    pub(crate) fn count(&self, outcome: &str) -> usize {
        self.dead_letters.iter().filter(|row| row.outcome == outcome).count()
    }

    /// Returns the counts for the audit trail.
    pub(crate) fn counts(&self) -> Counts {
        ["sent", "deleted", "left"].into_iter().map(|word| (word.to_owned(), self.count(word) as u64)).collect()
    }

    /// Returns the lines with equal ones merged, and the number of each.
    pub(crate) fn summary(&self) -> BTreeMap<(CellId, Place, Reason, &str, &str), usize> {
        let mut lines = BTreeMap::new();
        for row in &self.dead_letters {
            let line = (row.cell.clone(), row.place, row.reason, row.outcome, row.what.as_str());
            *lines.entry(line).or_default() += 1;
        }
        lines
    }
}

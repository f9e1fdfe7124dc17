//! The sweep for batches that a stream mapping dropped. Its note holds no events, so they are found in the cell's
//! table.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::SORT_KEY;
use cellstack_core::event::EventKey;
use cellstack_core::{EventStatus, TenantId};
use serde::Deserialize;

use super::decide::{Claim, SkipReason};
use super::report::Outcome;
use super::{Redrive, Row};
use crate::console::progress::Progress;
use crate::dlq::{Found, HOLD, Reader, Subject, Window};

/// An event that is still `accepted`.
#[derive(Debug, Clone)]
struct Open {
    subject: Subject,
    accepted_at: u64,
    /// True if it came from another cell, after it was accepted.
    came_later: bool,
}

impl Open {
    fn is_in(&self, window: Window) -> bool {
        window.contains(self.accepted_at) || (self.came_later && window.is_after(self.accepted_at))
    }
}

impl Redrive<'_> {
    /// Sends the events that notes of one cell's stream mapping stand for. One scan of the table serves all notes: they
    /// were all written before it, and so were their records.
    pub(super) async fn sweep(
        &mut self,
        reader: &mut Reader<'_>,
        notes: &[Found],
        progress: &Progress,
    ) -> Result<(), AwsFailure> {
        let Some(note) = notes.first() else { return Ok(()) };
        let Some(cell) = self.cell(&note.cell).await? else { return Ok(()) };
        let Some(open) = self.open(&cell.config.table).await? else {
            // The run ended before all was looked at: what a note stands for may be in the rest.
            let outcome = Outcome::Skipped(SkipReason::RunLimit);
            self.report.dead_letters.extend(notes.iter().map(|note| Row::of(note, None, &outcome)));
            return Ok(());
        };
        progress.more(open.len());
        let time = HOLD + self.limits.rate.time_for(open.len());
        for note in notes {
            reader.hold(note, time).await?;
        }
        for note in notes {
            let window = Window::of(&note.letter.original);
            let claim = Claim { redrives: None, fresh_refusal: false };
            let (mut sent, mut left) = (0, 0);
            for event in open.iter().filter(|event| event.is_in(window)) {
                if self.is_over() {
                    left += 1;
                    continue;
                }
                let outcome = match self.event(&event.subject, &note.cell, claim).await {
                    Ok(outcome) => outcome,
                    Err(failure) => Outcome::Skipped(SkipReason::Failed(failure.to_string())),
                };
                match &outcome {
                    Outcome::Sent(_) => sent += 1,
                    // Sent for a note before this one, or processed since the scan.
                    Outcome::Settled(_) | Outcome::Skipped(SkipReason::SentBefore) => continue,
                    _ => left += 1,
                }
                progress.letter();
                self.report.dead_letters.push(Row::of(note, Some(&event.subject), &outcome));
            }
            let outcome = match left {
                0 => Outcome::Swept(sent),
                _ if self.is_over() => Outcome::Skipped(SkipReason::RunLimit),
                left => Outcome::Skipped(SkipReason::Partly(left)),
            };
            if left == 0 && !self.limits.dry_run {
                reader.delete(note).await?;
            }
            self.report.dead_letters.push(Row::of(note, None, &outcome));
        }
        Ok(())
    }

    /// Scans for all events of a table that are still `accepted`, each tenant's in order; `None` if the run is over before the
    /// table's end. The table is read whole: an index by status would cost every event one more write.
    async fn open(&self, table: &str) -> Result<Option<Vec<Open>>, AwsFailure> {
        #[derive(Deserialize)]
        struct Item {
            tenant_id: TenantId,
            sk: EventKey,
            accepted_at: u64,
            #[serde(default)]
            came_later: bool,
        }
        const WHAT: &str = "find events that are still accepted";
        let mut items = self
            .deployment
            .dynamodb
            .scan()
            .table_name(table)
            .consistent_read(true)
            .filter_expression("begins_with(#sk, :event) AND #status = :accepted")
            .projection_expression("tenant_id, #sk, accepted_at, came_later")
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":event", AttributeValue::S(EventKey::PREFIX.to_owned()))
            .expression_attribute_values(":accepted", AttributeValue::S(EventStatus::Accepted.as_str().to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut open = Vec::new();
        loop {
            if self.is_over() {
                return Ok(None);
            }
            let Some(item) = items.next().await else { break };
            let item = item.map_err(|error| AwsFailure::of(WHAT, error))?;
            let item: Item =
                serde_dynamo::from_item(item).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
            let subject = Subject { tenant: item.tenant_id, event: item.sk.0 };
            open.push(Open { subject, accepted_at: item.accepted_at, came_later: item.came_later });
        }
        open.sort_by(|a, b| {
            let order = |open: &Open| (open.accepted_at, open.subject.event);
            a.subject.tenant.cmp(&b.subject.tenant).then_with(|| order(a).cmp(&order(b)))
        });
        Ok(Some(open))
    }
}

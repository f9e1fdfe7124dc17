//! One batch of messages.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::Client;
use cellstack_core::config::{ConfigError, var};
use cellstack_core::{Ambient, CellId, Message, TenantId};
use futures::FutureExt;
use futures::future::join_all;

use crate::batch::{Job, Unfit, sort_out};
use crate::commit::Ledger;
use crate::{Effects, ProcessError, Processor};

/// What a consumer is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cell it works in.
    pub cell: CellId,
    /// The cell's table.
    pub table: String,
}

impl Settings {
    /// Reads `CELLSTACK_CELL_ID` and `CELLSTACK_TABLE`.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            cell: var("CELLSTACK_CELL_ID", "the id of the cell this function belongs to")?,
            table: var("CELLSTACK_TABLE", "the name of the cell's table")?,
        })
    }
}

/// The consumer of a cell.
#[derive(Debug)]
pub struct Consumer<P, A> {
    client: Client,
    settings: Settings,
    processor: P,
    ambient: A,
}

impl<P: Processor, A: Ambient> Consumer<P, A> {
    /// A consumer that runs `processor`.
    pub const fn new(client: Client, settings: Settings, processor: P, ambient: A) -> Self {
        Self { client, settings, processor, ambient }
    }

    /// Processes a batch. The answer names the messages that must come again; the others are done with
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let received = event.records.len();
        let (groups, unfit) = sort_out(event, &self.settings.cell);
        let mut failures = Vec::new();
        for Unfit { receipt, reason } in unfit {
            tracing::warn!(message = receipt, reason, "a message can't be processed");
            failures.push(receipt);
        }
        // Tenants share nothing, so they need not wait for each other.
        let groups = join_all(groups.into_iter().map(|(tenant, jobs)| self.tenant(tenant, jobs))).await;
        failures.extend(groups.into_iter().flatten());
        tracing::info!(received, failed = failures.len(), "batch");
        respond(failures)
    }

    /// Processes one tenant's events and returns the messages that must come again.
    async fn tenant(&self, tenant: TenantId, jobs: Vec<Job>) -> Vec<String> {
        let mut effects = Vec::with_capacity(jobs.len());
        let mut failed = Vec::new();
        for job in &jobs {
            match self.process(&job.message).await {
                Ok(done) => effects.push((job.message.id, done)),
                Err(error) => failed.push((job.message.id, error.to_string())),
            }
        }
        let ledger = Ledger {
            client: &self.client,
            table: &self.settings.table,
            tenant: &tenant,
            now_ms: self.ambient.wall_ms(),
        };
        failed.extend(ledger.commit(&effects).await);
        let mut receipts = Vec::new();
        for (id, reason) in failed {
            tracing::warn!(%tenant, event = %id, reason, "an event was not processed");
            let job = jobs.iter().find(|job| job.message.id == id);
            receipts.extend(job.into_iter().flat_map(|job| job.receipts.clone()));
        }
        receipts
    }

    /// A panic is the event's failure, not the batch's.
    async fn process(&self, message: &Message) -> Result<Effects, ProcessError> {
        let attempt = AssertUnwindSafe(self.processor.process(message)).catch_unwind().await;
        attempt.unwrap_or_else(|panic| {
            let text =
                panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            Err(ProcessError::Permanent(format!("the processor panicked: {}", text.unwrap_or("no message"))))
        })
    }
}

fn respond(failures: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures
        .into_iter()
        .map(|item_identifier| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = item_identifier;
            failure
        })
        .collect();
    response
}

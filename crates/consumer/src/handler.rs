//! One batch of messages.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use cellstack_core::config::{ConfigError, var};
use cellstack_core::dead_letter::Reason;
use cellstack_core::limits::ANSWER_RESERVE;
use cellstack_core::{Ambient, CellId, EventId, Message, TenantId};
use futures::FutureExt;
use futures::future::join_all;

use crate::batch::{Job, Sorted, Unfit, sort_out};
use crate::commit::{Failure, Ledger};
use crate::{Effects, ProcessError, Processor};

/// What a consumer is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cell it works in.
    pub cell: CellId,
    /// The cell's table.
    pub table: String,
    /// The URL of the cell's dead-letter queue.
    pub dlq_url: String,
    /// Receives of a message after which the queue gives it up.
    pub max_receives: u32,
}

impl Settings {
    /// Reads `CELLSTACK_CELL_ID`, `CELLSTACK_TABLE`, `CELLSTACK_DLQ_URL` and `CELLSTACK_MAX_RECEIVES`.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            cell: var("CELLSTACK_CELL_ID", "the id of the cell this function belongs to")?,
            table: var("CELLSTACK_TABLE", "the name of the cell's table")?,
            dlq_url: var("CELLSTACK_DLQ_URL", "the URL of the cell's dead-letter queue")?,
            max_receives: var("CELLSTACK_MAX_RECEIVES", "the queue's maxReceiveCount")?,
        })
    }
}

/// What a consumer calls.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The cell's table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The cell's dead-letter queue.
    pub sqs: aws_sdk_sqs::Client,
}

/// The consumer of a cell.
#[derive(Debug)]
pub struct Consumer<P, A> {
    pub(crate) clients: Clients,
    pub(crate) settings: Settings,
    pub(crate) ambient: A,
    processor: P,
}

impl<P: Processor, A: Ambient> Consumer<P, A> {
    /// A consumer that runs `processor`.
    pub const fn new(clients: Clients, settings: Settings, processor: P, ambient: A) -> Self {
        Self { clients, settings, ambient, processor }
    }

    /// Processes a batch within `time`, which is what the function has left of its own. The answer names the messages
    /// that must come again; the others are done with or given up
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
    pub async fn handle(&self, event: SqsEvent, time: Duration) -> SqsBatchResponse {
        let received = event.records.len();
        let Sorted { tenants, unfit, ordered } = sort_out(event, &self.settings.cell);
        let time = time.saturating_sub(ANSWER_RESERVE);
        // Tenants share nothing, so they need not wait for each other.
        let unfit = join_all(unfit.iter().map(|unfit| self.unfit(unfit, time)));
        let tenants = join_all(tenants.iter().map(|(tenant, jobs)| self.tenant_in_time(tenant, jobs, ordered, time)));
        let (unfit, tenants) = futures::future::join(unfit, tenants).await;
        let failures: Vec<String> = unfit.into_iter().flatten().chain(tenants.into_iter().flatten()).collect();
        tracing::info!(received, failed = failures.len(), "batch");
        respond(failures)
    }

    async fn unfit(&self, unfit: &Unfit, time: Duration) -> Option<String> {
        match tokio::time::timeout(time, self.give_up_unfit(unfit)).await {
            Ok(Ok(())) => None,
            _ => Some(unfit.delivery.message_id.clone()),
        }
    }

    /// Processes one tenant's events. When the time runs out all of them come again: those that were committed are
    /// found done then.
    async fn tenant_in_time(&self, tenant: &TenantId, jobs: &[Job], ordered: bool, time: Duration) -> Vec<String> {
        match tokio::time::timeout(time, self.tenant(tenant, jobs, ordered)).await {
            Ok(failures) => failures,
            Err(_) => {
                tracing::warn!(%tenant, events = jobs.len(), "out of time");
                jobs.iter().flat_map(Job::message_ids).collect()
            }
        }
    }

    /// Processes one tenant's events and returns the messages that must come again.
    async fn tenant(&self, tenant: &TenantId, jobs: &[Job], ordered: bool) -> Vec<String> {
        let mut effects = Vec::with_capacity(jobs.len());
        let mut failed: HashMap<EventId, Failure> = HashMap::new();
        let mut blocked = false;
        for job in jobs {
            let id = job.message.id;
            if blocked {
                failed.insert(id, Failure::Behind);
                continue;
            }
            match self.process(&job.message).await {
                Ok(done) => effects.push((id, done)),
                Err(ProcessError::Permanent(reason)) => {
                    failed.insert(id, Failure::Refused(reason));
                }
                Err(error @ ProcessError::Retryable(_)) => {
                    failed.insert(id, Failure::Passing(error.to_string()));
                    // After its last receive it is given up, and the events behind it go on: they were received as
                    // often, so this is their last receive too.
                    blocked = ordered && job.receives() < self.settings.max_receives;
                }
            }
        }
        let (client, table, now_ms) = (&self.clients.dynamodb, &self.settings.table, self.ambient.wall_ms());
        let ledger = Ledger { client, table, tenant, now_ms, ordered };
        failed.extend(ledger.commit(&effects).await);
        let mut again = Vec::new();
        for job in jobs {
            let Some(failure) = failed.get(&job.message.id) else { continue };
            if !self.settle(tenant, job, failure).await {
                again.extend(job.message_ids());
            }
        }
        again
    }

    /// Whether a failed event is done with: given up for good. Otherwise its messages come again.
    async fn settle(&self, tenant: &TenantId, job: &Job, failure: &Failure) -> bool {
        let receives = job.receives();
        let given_up = match failure {
            Failure::Refused(detail) => self.give_up(job, Reason::Refused, detail).await,
            Failure::NotHeld => self.give_up(job, Reason::NotHeld, "this cell does not hold the event").await,
            Failure::Passing(detail) if receives >= self.settings.max_receives => {
                self.give_up(job, Reason::RetriesExhausted, detail).await
            }
            Failure::Passing(detail) => {
                tracing::warn!(%tenant, event = %job.message.id, receives, detail, "not processed yet");
                return false;
            }
            Failure::Behind => return false,
        };
        // If it can't be given up now it comes again; after its last receive the queue moves it as it is.
        given_up.map_err(|failure| tracing::error!(%tenant, event = %job.message.id, %failure, "give up")).is_ok()
    }

    /// A panic is the event's failure, not the batch's. What caused it may pass, so it is tried again.
    async fn process(&self, message: &Message) -> Result<Effects, ProcessError> {
        let attempt = AssertUnwindSafe(self.processor.process(message)).catch_unwind().await;
        attempt.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
            Err(ProcessError::Retryable(format!("the processor panicked: {text}")))
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

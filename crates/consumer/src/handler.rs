//! One batch of messages.

use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use cellstack_core::Clock;
use cellstack_core::limits::RESPONSE_RESERVE;
use futures::future::{join, join_all};
use tokio::time::timeout_at;

use crate::Processor;
use crate::batch::{Batch, Rejected, sort_out};
use crate::invocation::{Budget, Invocation};
use crate::item::Items;
use crate::settings::{Clients, Settings};

/// The consumer of a cell.
#[derive(Debug)]
pub struct Consumer<P, A> {
    pub(crate) clients: Clients,
    pub(crate) settings: Settings,
    pub(crate) clock: A,
    pub(crate) processor: P,
}

impl<P, A> Consumer<P, A> {
    /// Returns access to the events' items.
    pub(crate) fn items(&self, invocation: &Invocation) -> Items<'_> {
        let deadline = invocation.budget.deadline();
        Items { client: &self.clients.dynamodb, table: &self.settings.table, deadline }
    }
}

impl<P: Processor, A: Clock> Consumer<P, A> {
    /// Returns a consumer that runs `processor`.
    pub const fn new(clients: Clients, settings: Settings, processor: P, clock: A) -> Self {
        Self { clients, settings, clock, processor }
    }

    /// Processes a batch within `time`, the rest of the function's own time. The response names the messages that must
    /// come again; the others are done
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
    pub async fn handle(&self, event: SqsEvent, time: Duration) -> SqsBatchResponse {
        let received = event.records.len();
        let budget = Budget::new(time, self.settings.event_timeout);
        let Batch { fresh, returning, rejected, ordered, receipts } = sort_out(event, &self.settings.cell);
        let invocation = Invocation::new(budget, ordered, receipts);
        let work = async {
            // Tenants share nothing, so they do not wait for each other.
            let fresh = join_all(fresh.iter().map(|lane| self.fresh(&invocation, lane)));
            let rejected = join_all(rejected.iter().map(|rejected| self.rejected(&invocation, rejected)));
            join(fresh, rejected).await;
            self.returning(&invocation, &returning).await;
        };
        // Work that is cut off here comes again; finished work counts.
        if timeout_at(budget.deadline(), work).await.is_err() {
            tracing::warn!("out of time");
        }
        if invocation.ordered {
            // The response needs little of its reserve.
            let put_back = self.put_back(&invocation, fresh.iter().chain(&returning));
            if timeout_at(budget.deadline() + RESPONSE_RESERVE / 2, put_back).await.is_err() {
                tracing::warn!("out of time to put messages back");
            }
        }
        let open = invocation.open();
        tracing::info!(received, failed = open.len(), "batch");
        respond(open)
    }

    async fn rejected(&self, invocation: &Invocation, rejected: &Rejected) {
        match self.dead_letter_rejected(rejected).await {
            Ok(()) => invocation.message_done(rejected.delivery.at),
            Err(failure) => tracing::error!(%failure, "not dead-lettered"),
        }
    }
}

fn respond(open: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = open
        .into_iter()
        .map(|item_identifier| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = item_identifier;
            failure
        })
        .collect();
    response
}

//! One batch of stream records.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_dynamodb::Client;
use cellstack_core::limits::RESPONSE_RESERVE;
use cellstack_core::{Clock, Entropy};
use cellstack_store::placement_requests::PlacementRequests;
use tokio::time::{Instant, timeout_at};

use crate::decode::{Decision, decide};
use crate::metrics::{Metric, count};
use crate::{Settings, StreamEvent};

/// The placer of a deployment.
pub struct Placer {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) requests: PlacementRequests,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Placer {
    /// Returns a placer.
    pub fn new(client: Client, settings: Settings, clock: Arc<impl Clock + Entropy>) -> Self {
        let requests = PlacementRequests::new(client.clone(), settings.placement_requests_table.clone());
        let entropy = Arc::clone(&clock);
        Self { client, settings, requests, clock, entropy }
    }

    /// Settles the requests among the records, one after the other, within `time`, the rest of the function's own time. The
    /// response names the first record that did not pass, if any: Lambda continues there.
    ///
    /// A record that can't be read is logged and passed over: it holds no data, and its tenant's next call makes it anew.
    pub async fn handle(&self, event: StreamEvent, time: Duration) -> DynamoDbEventResponse {
        let deadline = Instant::now() + time.saturating_sub(RESPONSE_RESERVE);
        let (mut response, mut fleet, mut settled) = (DynamoDbEventResponse::default(), None, 0_usize);
        for record in &event.records {
            let (request, sequence) = match decide(record) {
                Decision::Settle { request, sequence } => (request, sequence),
                Decision::Ignore => continue,
                Decision::Undecodable(reason) => {
                    tracing::error!(reason, "a record that can't be read is passed over");
                    continue;
                }
            };
            let failed = match timeout_at(deadline, self.settle(&request, &mut fleet)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("out of time".to_owned()),
            };
            if let Some(reason) = failed {
                tracing::warn!(sequence, tenant = %request.tenant_id, reason, "a request did not pass");
                count(self.settings.stack.as_deref(), Metric::PlacementFailed);
                let mut failure = DynamoDbBatchItemFailure::default();
                failure.item_identifier = sequence;
                response.batch_item_failures.push(failure);
                break;
            }
            settled += 1;
        }
        tracing::info!(records = event.records.len(), settled, "batch");
        response
    }
}

//! Writing an event, each time under a condition.

use std::future::Future;
use std::pin::pin;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, describe, is_hot_partition, is_refused, is_transient};
use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::cell_table::Item;
use cellstack_core::fence::{self, FenceState};
use cellstack_core::limits::CELL_TIMEOUT;
use cellstack_core::{Clock, EventRecord};
use tokio::time::Instant;

use super::{Cell, CellError, Extent};

const WRITE: &str = "write the event into its cell";

/// There is no item of this key: whoever comes second finds the first.
const IS_NEW: &str = "attribute_not_exists(tenant_id)";

/// How sure the router is that the cell takes the tenant's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The route is fresh and active: no move can have closed the fence yet, so the write need not look at it.
    Lease,
    /// It may be out of date: the write holds only if the cell's fence is of this epoch and in this state.
    Fence(FenceState),
}

/// How a write ended.
#[derive(Debug)]
pub(crate) enum Written {
    /// The event is durable.
    New,
    /// An event of this name was there already.
    Exists(Box<EventRecord>),
    /// The fence is in another state, of another epoch, or missing.
    FenceRefused,
}

/// The end of a write in the cell.
enum Outcome {
    New,
    Exists(Item),
    FenceRefused,
}

impl<A: Clock> Cell<A> {
    /// Writes the event. Conflicts with other transactions and throttles are tried again, all within [`CELL_TIMEOUT`].
    pub(crate) async fn write(&self, record: &EventRecord, guard: Guard) -> Result<Written, CellError> {
        // Pinned here, and the rare one boxed: a future as large as this is copied each time it is moved.
        let write = pin!(async {
            match guard {
                Guard::Lease => self.put(record).await,
                Guard::Fence(state) => Box::pin(self.put_fenced(record, state)).await,
            }
        });
        match self.call(Extent::Event, WRITE, write).await? {
            Outcome::New => Ok(Written::New),
            Outcome::Exists(item) => self.record(record.id(), item).map(|first| Written::Exists(Box::new(first))),
            Outcome::FenceRefused => Ok(Written::FenceRefused),
        }
    }

    async fn put(&self, record: &EventRecord) -> Result<Outcome, AwsFailure> {
        let mut tries = Tries::new();
        loop {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item(record)?))
                .condition_expression(IS_NEW)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = tries.make(put.send()).await? else { return Ok(Outcome::New) };
            match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(found)) => {
                    return Ok(Outcome::Exists(found.item().cloned().unwrap_or_default()));
                }
                // A transaction has the item: the same event's, by another environment.
                Some(PutItemError::TransactionConflictException(_)) if tries.again(FailureKind::Busy).await => {}
                _ => return Err(AwsFailure::of(WRITE, error)),
            }
        }
    }

    async fn put_fenced(&self, record: &EventRecord, state: FenceState) -> Result<Outcome, AwsFailure> {
        let fence = fence::check(&self.table, &record.tenant_id, record.id(), record.epoch, state);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item(record)?))
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let (fence, put) = match (fence, put) {
            (Ok(fence), Ok(put)) => (fence, put),
            (Err(error), _) | (_, Err(error)) => {
                return Err(AwsFailure::unreadable(WRITE, error.to_string()));
            }
        };
        let actions = [
            TransactWriteItem::builder().condition_check(fence).build(),
            TransactWriteItem::builder().put(put).build(),
        ];
        let write = self.client.transact_write_items().set_transact_items(Some(actions.to_vec()));
        let mut tries = Tries::new();
        loop {
            let Err(error) = tries.make(write.clone().send()).await? else { return Ok(Outcome::New) };
            let Some([fence, put]) = cancellation(&error) else { return Err(AwsFailure::of(WRITE, error)) };
            // An event that is there stays there, whatever has become of the fence since.
            if is_refused(put) {
                return Ok(Outcome::Exists(put.item().cloned().unwrap_or_default()));
            }
            if is_refused(fence) {
                return Ok(Outcome::FenceRefused);
            }
            let kind = match (is_transient(fence) && is_transient(put), is_hot_partition(&error)) {
                (false, _) => FailureKind::Refused,
                (true, true) => FailureKind::HotPartition,
                (true, false) => FailureKind::Busy,
            };
            if kind == FailureKind::Refused || !tries.again(kind).await {
                let detail = describe(&[fence.clone(), put.clone()]);
                return Err(AwsFailure { kind, detail, ..AwsFailure::of(WRITE, error) });
            }
        }
    }
}

fn item(record: &EventRecord) -> Result<Item, AwsFailure> {
    serde_dynamo::to_item(record)
        .map_err(|error| AwsFailure::unreadable(WRITE, format!("event {}: {error}", record.id())))
}

/// The tries of one write, which all together take no longer than [`CELL_TIMEOUT`].
struct Tries {
    deadline: Instant,
    backoff: Backoff,
    /// What the cell's last answer was, if there was one: that something else has the items, or that it is throttled.
    last: Option<FailureKind>,
}

impl Tries {
    fn new() -> Self {
        let deadline = Instant::now() + CELL_TIMEOUT;
        Self { deadline, backoff: Backoff::until(deadline), last: None }
    }

    async fn make<T>(&mut self, call: impl Future<Output = T>) -> Result<T, AwsFailure> {
        let Some(last) = self.last else {
            // The client's own time-out is as long: no second timer per write.
            return Ok(call.await);
        };
        // The cell has answered a moment ago: it is not gone.
        let late = |_| AwsFailure { kind: last, ..AwsFailure::late(WRITE) };
        tokio::time::timeout_at(self.deadline, call).await.map_err(late)
    }

    /// Waits for the next try; `false` when there is no time for one.
    async fn again(&mut self, last: FailureKind) -> bool {
        self.last = Some(last);
        self.backoff.pause().await
    }
}

#[cfg(test)]
mod tests;

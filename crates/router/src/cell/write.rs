//! Writes of an event, each under a condition.

use std::future::Future;
use std::pin::pin;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, describe, is_hot_partition, is_refused, is_transient};
use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::cell_table::Item;
use cellstack_core::fence::{self, FenceState};
use cellstack_core::journal;
use cellstack_core::limits::CELL_TIMEOUT;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{Clock, EventRecord};
use tokio::time::Instant;

use super::{Cell, CellError, Extent};

const WRITE: &str = "write the event into its cell";

/// The item of this key does not exist, so that the second writer finds the first's item.
const IS_NEW: &str = "attribute_not_exists(tenant_id)";

/// The condition under which the cell accepts a tenant's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The route is fresh and active: no move can have closed the fence yet, so the write need not check it.
    Lease,
    /// The route may be out of date: the write succeeds only if the cell's fence is of this epoch and in this state.
    Fence(FenceState),
}

/// The result of a write.
#[derive(Debug)]
pub(crate) enum Written {
    /// The event is durable.
    New,
    /// An event of this name was stored already.
    Exists(Box<EventRecord>),
    /// The fence is in another state, of another epoch, or missing.
    FenceRefused,
}

/// The result of one try.
enum Outcome {
    New,
    Exists(Item),
    FenceRefused,
}

impl<A: Clock> Cell<A> {
    /// Writes the event. Conflicts with other transactions and throttles are retried, all within [`CELL_TIMEOUT`].
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
                Some(PutItemError::TransactionConflictException(_)) if is_planted(Mutation::ConflictIsWritten) => {
                    return Ok(Outcome::New);
                }
                // A transaction holds the item: another environment writes the same event.
                Some(PutItemError::TransactionConflictException(_)) if tries.again(FailureKind::Busy).await => {}
                _ => return Err(AwsFailure::of(WRITE, error)),
            }
        }
    }

    async fn put_fenced(&self, record: &EventRecord, state: FenceState) -> Result<Outcome, AwsFailure> {
        let actions = self.fenced(record, state)?;
        let write = self.client.transact_write_items().set_transact_items(Some(actions));
        let mut tries = Tries::new();
        loop {
            let Err(error) = tries.make(write.clone().send()).await? else { return Ok(Outcome::New) };
            let Some(reasons @ [fence, put, ..]) = cancellation(&error) else {
                return Err(AwsFailure::of(WRITE, error));
            };
            // A stored event stays stored, even if the fence has changed since.
            if is_refused(put) {
                return Ok(Outcome::Exists(put.item().cloned().unwrap_or_default()));
            }
            if is_refused(fence) {
                return Ok(Outcome::FenceRefused);
            }
            let kind = match (reasons.iter().all(is_transient), is_hot_partition(&error)) {
                (false, _) => FailureKind::Refused,
                (true, true) => FailureKind::HotPartition,
                (true, false) => FailureKind::Busy,
            };
            if kind == FailureKind::Refused || !tries.again(kind).await {
                let detail = describe(reasons);
                return Err(AwsFailure { kind, detail, ..AwsFailure::of(WRITE, error) });
            }
        }
    }

    /// Returns the actions of a fenced write: the check, the event, and at home its item in the journal.
    fn fenced(&self, record: &EventRecord, state: FenceState) -> Result<Vec<TransactWriteItem>, AwsFailure> {
        let unbuilt = |error: BuildError| AwsFailure::unreadable(WRITE, error.to_string());
        let event = item(record)?;
        let journal = match state {
            FenceState::Open if !is_planted(Mutation::JournalNotWritten) => journal::item_of(&event),
            FenceState::Open | FenceState::Standby | FenceState::Closed => None,
        };
        let fence = fence::check(&self.table, &record.tenant_id, record.id(), record.epoch, state).map_err(unbuilt)?;
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(event))
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut actions = vec![
            TransactWriteItem::builder().condition_check(fence).build(),
            TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build(),
        ];
        if journal.is_some() {
            let put = Put::builder().table_name(&self.table).set_item(journal).build().map_err(unbuilt)?;
            actions.push(TransactWriteItem::builder().put(put).build());
        }
        Ok(actions)
    }
}

fn item(record: &EventRecord) -> Result<Item, AwsFailure> {
    serde_dynamo::to_item(record)
        .map_err(|error| AwsFailure::unreadable(WRITE, format!("event {}: {error}", record.id())))
}

/// The tries of one write, which together take no longer than [`CELL_TIMEOUT`].
struct Tries {
    deadline: Instant,
    backoff: Backoff,
    /// The reason of the cell's last refusal, if there was one: a conflict or a throttle.
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
        // The cell has just responded, so it is not gone.
        let late = |_| AwsFailure { kind: last, ..AwsFailure::late(WRITE) };
        tokio::time::timeout_at(self.deadline, call).await.map_err(late)
    }

    /// Waits for the next try. Returns `false` if there is no time for one.
    async fn again(&mut self, last: FailureKind) -> bool {
        self.last = Some(last);
        self.backoff.pause().await
    }
}

#[cfg(test)]
mod tests;

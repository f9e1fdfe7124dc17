//! Writing an event, each time under a condition.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use cellstack_core::aws::{AwsFailure, FailureKind};
use cellstack_core::backoff::Backoff;
use cellstack_core::cell_table::Item;
use cellstack_core::fence::{self, FenceState};
use cellstack_core::limits::CELL_TIMEOUT;
use cellstack_core::transaction::{cancellation, is_refused};
use cellstack_core::{Ambient, EventRecord};

use super::Cell;
use crate::problem::Problem;

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

impl<A: Ambient> Cell<A> {
    pub(crate) async fn write(&self, record: &EventRecord, guard: Guard) -> Result<Written, Problem> {
        self.call(WRITE, async {
            let item: Item = serde_dynamo::to_item(record)
                .map_err(|error| AwsFailure::unreadable(WRITE, format!("event {}: {error}", record.id())))?;
            match guard {
                Guard::Lease => self.put(item).await,
                Guard::Fence(state) => self.put_fenced(record, item, state).await,
            }
        })
        .await
    }

    async fn put(&self, item: Item) -> Result<Written, AwsFailure> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(IS_NEW)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(Written::New),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(found)) => exists(found.item().cloned()),
                _ => Err(AwsFailure::of(WRITE, error)),
            },
        }
    }

    async fn put_fenced(&self, record: &EventRecord, item: Item, state: FenceState) -> Result<Written, AwsFailure> {
        let fence = fence::check(&self.table, &record.tenant_id, record.id(), record.epoch, state);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
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
        let mut backoff = Backoff::within(CELL_TIMEOUT);
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(actions.to_vec())).send().await;
            let Err(error) = sent else {
                return Ok(Written::New);
            };
            let Some([fence, put]) = cancellation(&error) else {
                return Err(AwsFailure::of(WRITE, error));
            };
            if is_refused(put) {
                return exists(put.item().cloned());
            } else if is_refused(fence) {
                return Ok(Written::FenceRefused);
            } else if !backoff.pause().await {
                // A conflict with another transaction or a throttle: neither a duplicate nor a refusal.
                return Err(AwsFailure { kind: FailureKind::Busy, ..AwsFailure::of(WRITE, error) });
            }
        }
    }
}

fn exists(item: Option<Item>) -> Result<Written, AwsFailure> {
    super::read::record(item.unwrap_or_default()).map(|record| Written::Exists(Box::new(record)))
}

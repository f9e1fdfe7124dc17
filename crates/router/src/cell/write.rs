//! Writing an event, each time under a condition.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use cellstack_core::aws::{AwsFailure, FailureKind};
use cellstack_core::cell_table::{FENCE, FenceState, Item, key, number};
use cellstack_core::limits::MAX_ATTEMPTS;
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
        let fence = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(&record.tenant_id, FENCE)))
            .condition_expression("#epoch = :epoch AND #state = :state")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", number(record.epoch.0))
            .expression_attribute_values(":state", AttributeValue::S(state.as_str().to_owned()))
            .build();
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
        let mut attempt = 1;
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(actions.to_vec())).send().await;
            let Err(error) = sent else {
                return Ok(Written::New);
            };
            let Some([fence, put]) = cancellation(&error) else {
                return Err(AwsFailure::of(WRITE, error));
            };
            if failed(put) {
                return exists(put.item().cloned());
            } else if failed(fence) {
                return Ok(Written::FenceRefused);
            } else if attempt == MAX_ATTEMPTS {
                // A conflict with another transaction or a throttle: neither a duplicate nor a refusal.
                return Err(AwsFailure { kind: FailureKind::Busy, ..AwsFailure::of(WRITE, error) });
            }
            tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
            attempt += 1;
        }
    }
}

fn exists(item: Option<Item>) -> Result<Written, AwsFailure> {
    super::read::record(item.unwrap_or_default()).map(|record| Written::Exists(Box::new(record)))
}

fn failed(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Why each of the two actions was cancelled, when that is what happened.
fn cancellation(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason; 2]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons().try_into().ok()
        }
        _ => None,
    }
}

//! What the router does in a cell: conditional writes and consistent reads of one tenant's partition.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use cellstack_core::aws::{AwsFailure, FailureKind};
use cellstack_core::cell_table::{FENCE, Item, SORT_KEY, TOTAL_PREFIX, key, number};
use cellstack_core::event::EventKey;
use cellstack_core::limits::MAX_ATTEMPTS;
use cellstack_core::{EventId, EventRecord, TenantId};
use serde::de::DeserializeOwned;

const WRITE: &str = "write the event into its cell";
const READ: &str = "read the tenant's cell";

/// There is no item of this key: whoever comes second finds the first.
const IS_NEW: &str = "attribute_not_exists(tenant_id)";

/// How sure the router is that the cell owns the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The route is fresh and active: no move can have closed the fence yet, so the write need not look at it.
    Lease,
    /// It may be out of date: the write holds only if the cell's fence is open at this epoch.
    Fence,
}

/// How a write ended.
#[derive(Debug)]
pub(crate) enum Written {
    /// The event is durable.
    New,
    /// An event of this name was there already.
    Exists(Box<EventRecord>),
    /// The fence is closed, of another epoch, or missing.
    FenceRefused,
}

/// One item of the reference projection.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) event_type: String,
    /// Numbers stay text on their way: a sum is an exact decimal of up to 38 digits.
    pub(crate) count: String,
    pub(crate) sum: String,
}

impl Total {
    fn of(item: &Item) -> Option<Self> {
        let event_type = item.get(SORT_KEY)?.as_s().ok()?.strip_prefix(TOTAL_PREFIX)?.to_owned();
        let number = |name| item.get(name)?.as_n().ok().cloned();
        Some(Self { event_type, count: number("count")?, sum: number("sum")? })
    }
}

/// A cell's table.
pub(crate) struct CellTable<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
}

impl CellTable<'_> {
    pub(crate) async fn write(&self, record: &EventRecord, guard: Guard) -> Result<Written, AwsFailure> {
        let item: Item = serde_dynamo::to_item(record)
            .map_err(|error| AwsFailure::unreadable(WRITE, format!("event {}: {error}", record.id())))?;
        match guard {
            Guard::Lease => self.put(item).await,
            Guard::Fence => self.put_fenced(record, item).await,
        }
    }

    async fn put(&self, item: Item) -> Result<Written, AwsFailure> {
        let put = self
            .client
            .put_item()
            .table_name(self.table)
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

    async fn put_fenced(&self, record: &EventRecord, item: Item) -> Result<Written, AwsFailure> {
        let fence = ConditionCheck::builder()
            .table_name(self.table)
            .set_key(Some(key(&record.tenant_id, FENCE)))
            .condition_expression("#epoch = :epoch AND #state = :open")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", number(record.epoch.0))
            .expression_attribute_values(":open", AttributeValue::S("open".to_owned()))
            .build();
        let put = Put::builder()
            .table_name(self.table)
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
                return Err(AwsFailure { kind: FailureKind::Unavailable, ..AwsFailure::of(WRITE, error) });
            }
            tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
            attempt += 1;
        }
    }

    pub(crate) async fn event(&self, tenant: &TenantId, id: EventId) -> Result<Option<EventRecord>, AwsFailure> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table)
            .set_key(Some(key(tenant, EventKey(id).to_string())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsFailure::of(READ, error))?;
        answer.item.map(read).transpose()
    }

    pub(crate) async fn totals(&self, tenant: &TenantId) -> Result<Vec<Total>, AwsFailure> {
        let mut pages = self
            .client
            .query()
            .table_name(self.table)
            .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :total)")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
            .expression_attribute_values(":total", AttributeValue::S(TOTAL_PREFIX.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut totals = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| AwsFailure::of(READ, error))?;
            totals.push(Total::of(&item).ok_or_else(|| AwsFailure::unreadable(READ, format!("total {item:?}")))?);
        }
        Ok(totals)
    }
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, AwsFailure> {
    serde_dynamo::from_item(item).map_err(|error| AwsFailure::unreadable(READ, error.to_string()))
}

fn exists(item: Option<Item>) -> Result<Written, AwsFailure> {
    read(item.unwrap_or_default()).map(|record| Written::Exists(Box::new(record)))
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

//! The lease of automation: one run at a time marks cells.
//!
//! A run takes the lease, reads the fleet, and decides. Others wait until it ends. It has a number, so that a run
//! whose lease is over marks nothing: its marks hold only as long as nobody took the lease after it. Each mark of automation
//! before is therefore in what the next run reads, and the share of the fleet that it may take out is kept.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::CellId;
use cellstack_core::cell_table::{Item, number};
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::registry::{AUTOMATION_PARTITION, LEASE, STATE, partition};

use super::state::{Mark, StateError, WHAT, key};

/// The time after which a lease is over if it is not renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(60);

/// A lease, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(u64);

/// Returns whether the last run ended before it had done all, and its lease is over.
///
/// # Errors
/// When the registry can't be read.
pub async fn is_unfinished(client: &Client, registry: &str, now_ms: u64) -> Result<bool, AwsFailure> {
    let get = client.get_item().table_name(registry).set_key(Some(item_key())).consistent_read(true);
    let got = get.send().await.map_err(|error| AwsFailure::of("read the lease of automation", error))?;
    Ok(got.item.and_then(|item| field(&item, ENDS_AT)).is_some_and(|ends_at| is_over(ends_at, now_ms)))
}

/// Returns whether a lease is over. One that ends later than any run would set it was taken by a clock that is fast: the numbers of
/// leases, not their times, keep two runs from marking at once.
const fn is_over(ends_at: u64, now_ms: u64) -> bool {
    ends_at < now_ms || ends_at > latest(now_ms)
}

const fn latest(now_ms: u64) -> u64 {
    end(end(now_ms))
}

/// Takes the lease; `None` if another run has it. `run` names this one.
///
/// # Errors
/// When the registry can't be written.
pub async fn take_lease(client: &Client, registry: &str, run: &str, now_ms: u64) -> Result<Option<Lease>, AwsFailure> {
    const WHAT: &str = "take the lease of automation";
    let unreadable = || AwsFailure::unreadable(WHAT, "rev of the lease: expected a number".to_owned());
    let update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(item_key()))
        .update_expression("SET run = :run, ends_at = :ends ADD rev :one")
        .condition_expression("attribute_not_exists(ends_at) OR ends_at < :now OR ends_at > :latest")
        .expression_attribute_values(":run", AttributeValue::S(run.to_owned()))
        .expression_attribute_values(":ends", number(end(now_ms)))
        .expression_attribute_values(":now", number(now_ms))
        .expression_attribute_values(":latest", number(latest(now_ms)))
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let item = match update.send().await {
        Ok(updated) => updated.attributes.unwrap_or_default(),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let item = refused.item().cloned().unwrap_or_default();
                if item.get("run").and_then(|found| found.as_s().ok()).is_none_or(|found| found != run) {
                    return Ok(None);
                }
                // An earlier try of the SDK took it, and its response was lost.
                item
            }
            _ => return Err(AwsFailure::of(WHAT, error)),
        },
    };
    field(&item, "rev").map(Lease).map(Some).ok_or_else(unreadable)
}

/// Renews a lease. A lease that is over already stays so.
///
/// # Errors
/// When the registry can't be written.
pub async fn renew_lease(client: &Client, registry: &str, lease: Lease, now_ms: u64) -> Result<(), AwsFailure> {
    change(client, registry, lease, "SET ends_at = :ends", Some(end(now_ms))).await
}

/// Ends a lease whose run has done all.
///
/// # Errors
/// When the registry can't be written.
pub async fn finish_lease(client: &Client, registry: &str, lease: Lease) -> Result<(), AwsFailure> {
    change(client, registry, lease, "REMOVE ends_at", None).await
}

/// Ends a lease whose run has left something that the next run has to continue with.
///
/// # Errors
/// When the registry can't be written.
pub async fn leave_lease(client: &Client, registry: &str, lease: Lease) -> Result<(), AwsFailure> {
    change(client, registry, lease, "SET ends_at = :ends", Some(0)).await
}

async fn change(
    client: &Client,
    registry: &str,
    Lease(lease): Lease,
    expression: &str,
    ends_at: Option<u64>,
) -> Result<(), AwsFailure> {
    let mut update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(item_key()))
        .update_expression(expression)
        .condition_expression(IN_LEASE)
        .expression_attribute_values(":lease", number(lease));
    if let Some(ends_at) = ends_at {
        update = update.expression_attribute_values(":ends", number(ends_at));
    }
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
        Err(error) => Err(AwsFailure::of("renew the lease of automation", error)),
    }
}

/// Sets a cell's status like [`mark`](super::mark), as long as the lease is not over and nobody has marked the cell since the
/// look, be it with the status that it had.
///
/// # Errors
/// [`StateError::Overtaken`] when the lease is over; [`StateError::Changed`] when the cell's mark is not the one that was
/// seen.
pub async fn mark_under_lease(
    client: &Client,
    registry: &str,
    cell: &CellId,
    mark: &Mark<'_>,
    lease: Lease,
) -> Result<(), StateError> {
    let actions =
        actions(registry, cell, mark, lease).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
    let mut backoff = Backoff::within(PLACE_TIMEOUT);
    loop {
        let sent = client.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
        let Err(error) = sent else { return Ok(()) };
        match cancellation(&error) {
            Some([_, lease]) if is_refused(lease) => return Err(StateError::Overtaken { cell: cell.clone() }),
            Some([marked, _]) if is_refused(marked) => {
                let found = marked.item().cloned().and_then(|item| serde_dynamo::from_item(item).ok());
                return mark.refused(cell, found);
            }
            Some(reasons) if reasons.iter().all(is_transient) && backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error).into()),
        }
    }
}

fn actions(
    registry: &str,
    cell: &CellId,
    mark: &Mark<'_>,
    Lease(lease): Lease,
) -> Result<Vec<TransactWriteItem>, BuildError> {
    let (set, mut values) = mark.expression(cell);
    let as_seen = mark.as_seen(&mut values);
    let update = Update::builder()
        .table_name(registry)
        .set_key(Some(key(partition(cell), STATE)))
        .update_expression(set)
        .condition_expression(as_seen)
        .expression_attribute_names("#status", "status")
        .set_expression_attribute_values(Some(values))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    let check = ConditionCheck::builder()
        .table_name(registry)
        .set_key(Some(item_key()))
        .condition_expression(IN_LEASE)
        .expression_attribute_values(":lease", number(lease))
        .build()?;
    let update = TransactWriteItem::builder().update(update).build();
    Ok(vec![update, TransactWriteItem::builder().condition_check(check).build()])
}

const IN_LEASE: &str = "rev = :lease";
/// The attribute that has the end of the lease. A lease whose run has done all has none.
const ENDS_AT: &str = "ends_at";

fn item_key() -> HashMap<String, AttributeValue> {
    key(AUTOMATION_PARTITION.to_owned(), LEASE)
}

const fn end(now_ms: u64) -> u64 {
    now_ms.saturating_add(LEASE_TIME.as_secs() * 1_000)
}

fn field(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

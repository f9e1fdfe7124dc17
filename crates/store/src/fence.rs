//! Access to a tenant's fence: open, close, read.
//!
//! [`open`] writes all shards in one transaction. [`close`] closes shard by shard: one transaction over all of them
//! would conflict with every writer of a busy tenant, and starve. That is safe, since closing only takes permission
//! away: no caller may treat the fence as closed until `close` returns, and then every shard is closed.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::cell_table::{Item, SORT_KEY, TENANT_ID, key, number};
use cellstack_core::fence::{FENCE_PREFIX, FENCE_SHARDS, FenceState, Shard, shard_key};
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{Epoch, TenantId};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::transaction::{Sent, send_until};

/// The error of a fence that could not be changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FenceError {
    /// The fence has another epoch, or another state at the same epoch.
    #[error("the fence has another epoch or state than expected")]
    Refused,
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
}

/// Opens a tenant's fence in a cell, as `Open` or `Standby`, for events of this epoch. Safe to run again. A fence of an
/// earlier epoch is replaced, in any state.
///
/// # Errors
/// [`FenceError::Refused`] when the fence has a later epoch, or another state at this one.
pub async fn open(
    client: &Client,
    table: &str,
    tenant: &TenantId,
    epoch: Epoch,
    state: FenceState,
    deadline: Instant,
) -> Result<(), FenceError> {
    const WHAT: &str = "write the tenant's fence";
    let puts = opening(table, tenant, epoch, state).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
    match send_until(client, WHAT, &puts, deadline).await? {
        Sent::Done => Ok(()),
        Sent::Refused(_) => Err(FenceError::Refused),
    }
}

/// Returns the actions that open a tenant's fence, one per shard, for a transaction that writes more than the fence.
///
/// # Errors
/// When the SDK refuses to build them.
pub fn opening(
    table: &str,
    tenant: &TenantId,
    epoch: Epoch,
    state: FenceState,
) -> Result<Vec<TransactWriteItem>, BuildError> {
    let put = |shard| {
        let mut item: Item = key(tenant, shard_key(shard));
        item.insert("epoch".to_owned(), number(epoch.0));
        item.insert("state".to_owned(), AttributeValue::S(state.as_str().to_owned()));
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(tenant_id) OR #epoch < :epoch OR (#epoch = :epoch AND #state = :state)",
            )
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", number(epoch.0))
            .expression_attribute_values(":state", AttributeValue::S(state.as_str().to_owned()))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    };
    (0..FENCE_SHARDS).map(put).collect()
}

/// Closes a tenant's fence of this epoch or an earlier one, and where there is none. When it returns, no fenced write of this epoch
/// lands in the cell any more. Safe to run again, also after a crash half-way.
///
/// # Errors
/// [`FenceError::Refused`] when a shard has a later epoch. Closed shards stay closed.
pub async fn close(
    client: &Client,
    table: &str,
    tenant: &TenantId,
    epoch: Epoch,
    deadline: Instant,
) -> Result<(), FenceError> {
    let shards = if is_planted(Mutation::FenceHalfClosed) { FENCE_SHARDS / 2 } else { FENCE_SHARDS };
    let shards = (0..shards).map(|shard| close_shard(client, table, tenant, epoch, shard, deadline));
    try_join_all(shards).await.map(drop)
}

async fn close_shard(
    client: &Client,
    table: &str,
    tenant: &TenantId,
    epoch: Epoch,
    shard: u8,
    deadline: Instant,
) -> Result<(), FenceError> {
    let update = client
        .update_item()
        .table_name(table)
        .set_key(Some(key(tenant, shard_key(shard))))
        .update_expression("SET #state = :closed, #epoch = :epoch")
        .condition_expression("attribute_not_exists(#epoch) OR #epoch <= :epoch")
        .expression_attribute_names("#epoch", "epoch")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":epoch", number(epoch.0))
        .expression_attribute_values(":closed", AttributeValue::S(FenceState::Closed.as_str().to_owned()));
    let mut backoff = Backoff::until(deadline);
    loop {
        let Err(error) = update.clone().send().await else { return Ok(()) };
        match error.code() {
            Some("ConditionalCheckFailedException") => return Err(FenceError::Refused),
            Some("TransactionConflictException") if backoff.pause().await => {}
            _ => return Err(AwsFailure::of("close the tenant's fence", error).into()),
        }
    }
}

/// Reads a tenant's fence in a cell, strongly consistent: its shards in order, or none if there is no fence.
///
/// # Errors
/// When the table can't be read, or a shard lacks its epoch or state.
pub async fn read(client: &Client, table: &str, tenant: &TenantId) -> Result<Vec<Shard>, AwsFailure> {
    const WHAT: &str = "read the tenant's fence";
    let page = client
        .query()
        .table_name(table)
        .key_condition_expression("#tenant = :tenant AND begins_with(#sk, :fence)")
        .expression_attribute_names("#tenant", TENANT_ID)
        .expression_attribute_names("#sk", SORT_KEY)
        .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
        .expression_attribute_values(":fence", AttributeValue::S(FENCE_PREFIX.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| AwsFailure::of(WHAT, error))?;
    page.items
        .unwrap_or_default()
        .iter()
        .map(Shard::from_item)
        .collect::<Option<_>>()
        .ok_or_else(|| AwsFailure::unreadable(WHAT, format!("a shard of {tenant} in {table} lacks its epoch or state")))
}

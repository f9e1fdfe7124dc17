//! A tenant's fence: the cell's own word on whether it accepts the tenant's events.
//!
//! Transactions that share an item conflict
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>),
//! and a fenced write is a transaction that checks the fence. So a fence is several items, [`FENCE_SHARDS`], and an event's
//! id chooses the one that its write checks.
//!
//! [`open`] writes all shards in one transaction. [`close`] closes shard by shard: one transaction over all of them would
//! meet every writer of a busy tenant, and starve. That is safe, since closing only takes permission away: until `close`
//! returns nobody may act on the fence as closed, and then every shard is.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::aws::AwsFailure;
use crate::backoff::Backoff;
use crate::cell_table::{Item, SORT_KEY, TENANT_ID, key, number};
use crate::transaction::{cancellation, is_refused, is_transient};
use crate::{Epoch, EventId, TenantId};

/// Prefix of each shard's sort key.
pub const FENCE_PREFIX: &str = "fence#";

/// Shards per fence.
///
/// A fenced write takes 4 write units, and a partition 1,000 per second: at the 250 writes per second that this leaves,
/// each lasting some 15 ms, about one write in three meets another on its shard, and a few retries are enough.
pub const FENCE_SHARDS: u8 = 8;

/// State of a tenant's fence in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceState {
    /// The cell accepts the tenant's events.
    Open,
    /// The cell holds the tenant's events while the tenant's own cell is marked down.
    Standby,
    /// The cell accepts none of the tenant's events.
    Closed,
}

impl FenceState {
    /// The stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Standby => "standby",
            Self::Closed => "closed",
        }
    }
}

/// The fence could not be changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FenceError {
    /// The fence has another epoch, or another state at the same epoch.
    #[error("the fence has another epoch or state than expected")]
    Refused,
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
}

/// Returns the sort key of a shard.
#[must_use]
pub fn shard_key(shard: u8) -> String {
    format!("{FENCE_PREFIX}{shard}")
}

/// Returns the sort key of the shard that guards an event.
#[must_use]
pub fn key_of(event: EventId) -> String {
    // The last byte is random in a UUIDv7, and a hash's in an id derived from a name.
    let [.., last] = event.to_bytes();
    shard_key(last % FENCE_SHARDS)
}

/// Returns the check that a fenced write of an event makes: its shard has this epoch and state.
///
/// # Errors
/// When the SDK refuses to build it.
pub fn check(
    table: &str,
    tenant: &TenantId,
    event: EventId,
    epoch: Epoch,
    state: FenceState,
) -> Result<ConditionCheck, BuildError> {
    ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key(tenant, key_of(event))))
        .condition_expression("#epoch = :epoch AND #state = :state")
        .expression_attribute_names("#epoch", "epoch")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":epoch", number(epoch.0))
        .expression_attribute_values(":state", AttributeValue::S(state.as_str().to_owned()))
        .build()
}

/// Opens a tenant's fence in a cell, as `Open` or `Standby`, for events of this epoch. Safe to run again. A fence of an
/// earlier epoch is replaced, whatever its state.
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
    let puts: Result<Vec<_>, BuildError> = (0..FENCE_SHARDS).map(put).collect();
    let puts = puts.map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
    let mut backoff = Backoff::until(deadline);
    loop {
        let sent = client.transact_write_items().set_transact_items(Some(puts.clone())).send().await;
        let Err(error) = sent else { return Ok(()) };
        if let Some(reasons) = cancellation(&error) {
            if reasons.iter().any(is_refused) {
                return Err(FenceError::Refused);
            }
            if reasons.iter().all(is_transient) && backoff.pause().await {
                continue;
            }
        }
        return Err(AwsFailure::of(WHAT, error).into());
    }
}

/// Closes a tenant's fence of this epoch. When it returns, no fenced write of this epoch lands in the cell any more. Safe
/// to run again, and to be run again after a crash half-way.
///
/// # Errors
/// [`FenceError::Refused`] when a shard has another epoch or is missing. Shards that are closed stay closed.
pub async fn close(
    client: &Client,
    table: &str,
    tenant: &TenantId,
    epoch: Epoch,
    deadline: Instant,
) -> Result<(), FenceError> {
    let shards = (0..FENCE_SHARDS).map(|shard| close_shard(client, table, tenant, epoch, shard, deadline));
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
        .update_expression("SET #state = :closed")
        .condition_expression("#epoch = :epoch")
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

/// A shard as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The sort key.
    pub key: String,
    /// The epoch whose events it lets pass.
    pub epoch: Epoch,
    /// The stored state: that of a later version may be one this code does not know.
    pub state: String,
}

/// Reads a tenant's fence in a cell, strongly consistent: its shards in order, none if there is no fence.
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
        .map(shard)
        .collect::<Option<_>>()
        .ok_or_else(|| AwsFailure::unreadable(WHAT, format!("a shard of {tenant} in {table} lacks its epoch or state")))
}

fn shard(item: &Item) -> Option<Shard> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let epoch = item.get("epoch")?.as_n().ok()?.parse().ok()?;
    Some(Shard { key: text(SORT_KEY)?, epoch: Epoch(epoch), state: text("state")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_shard_and_names_spread_over_them() {
        let mut hits = [0_usize; FENCE_SHARDS as usize];
        for name in 0..4_000 {
            let key = key_of(EventId::named("k", &name.to_string()));
            let shard: usize = key.strip_prefix(FENCE_PREFIX).and_then(|shard| shard.parse().ok()).unwrap();
            hits[shard] += 1;
        }
        assert!(hits.iter().all(|hits| (400..600).contains(hits)), "{hits:?}");
    }
}

//! A tenant's fence: the cell's own word on whether it accepts the tenant's events.
//!
//! Transactions that share an item conflict
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>),
//! and a fenced write is a transaction that checks the fence. So a fence is several items, [`FENCE_SHARDS`], and an event's
//! id chooses the one that its write checks.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck};

use crate::cell_table::{Item, SORT_KEY, key, number};
use crate::{Epoch, EventId, TenantId};

/// The prefix of each shard's sort key.
pub const FENCE_PREFIX: &str = "fence#";

/// Shards per fence.
///
/// A fenced write takes 6 write units, and a partition takes 1,000 per second. At the 166 writes per second that this
/// allows, each lasting some 15 ms, about one write in four meets another on its shard, and a few retries are enough.
pub const FENCE_SHARDS: u8 = 8;

/// The state of a tenant's fence in a cell.
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
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Standby => "standby",
            Self::Closed => "closed",
        }
    }
}

/// Returns the sort key of a shard.
#[must_use]
pub fn shard_key(shard: u8) -> String {
    format!("{FENCE_PREFIX}{shard}")
}

/// Returns the sort key of the shard that guards an event.
#[must_use]
pub fn key_of(event: EventId) -> String {
    // The last byte of a UUIDv7 is random; in an id derived from a name it is a hash's.
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

/// A shard as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The sort key.
    pub key: String,
    /// The epoch whose events the shard lets pass.
    pub epoch: Epoch,
    /// The stored state. A later version may store one that this code does not know.
    pub state: String,
}

impl Shard {
    /// Returns the shard that an item holds; `None` where the item lacks its epoch or state.
    #[must_use]
    pub fn from_item(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        let epoch = item.get("epoch")?.as_n().ok()?.parse().ok()?;
        Some(Self { key: text(SORT_KEY)?, epoch: Epoch(epoch), state: text("state")? })
    }
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

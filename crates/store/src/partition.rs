//! A tenant's partition in a cell's table: the kinds of its items, and their reads in the order of their keys and by key.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::TenantId;
use cellstack_core::cell_table::{Item, SORT_KEY, TOTAL_PREFIX, key};
use cellstack_core::event::EventKey;
use cellstack_core::fence::FENCE_PREFIX;
use cellstack_core::journal::JOURNAL_PREFIX;
use cellstack_core::limits::PLACE_TIMEOUT;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

pub(crate) const READ: &str = "read a tenant's items";
/// Keys of one `BatchGetItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
pub(crate) const KEYS_AT_ONCE: usize = 100;
/// Reads by keys at once.
const READS_AT_ONCE: usize = 4;

/// A kind of item in a tenant's partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An event.
    Event,
    /// A total of the reference processor.
    Total,
    /// Any other item that a processor keeps.
    Other,
    /// A note of the journal, which repeats an event's key.
    Journal,
    /// A shard of the fence.
    Fence,
}

impl Kind {
    /// Returns the kind of the item that has a sort key.
    #[must_use]
    pub fn of(sort_key: &str) -> Self {
        let begins = |(prefix, _): &(&str, Self)| sort_key.starts_with(prefix);
        let kinds = [
            (EventKey::PREFIX, Self::Event),
            (TOTAL_PREFIX, Self::Total),
            (JOURNAL_PREFIX, Self::Journal),
            (FENCE_PREFIX, Self::Fence),
        ];
        kinds.into_iter().find(begins).map_or(Self::Other, |(_, kind)| kind)
    }

    /// Returns the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Total => "total",
            Self::Other => "other",
            Self::Journal => "journal",
            Self::Fence => "fence",
        }
    }

    /// Returns whether items of this kind are the tenant's data. All others belong to the cell.
    #[must_use]
    pub const fn is_data(self) -> bool {
        matches!(self, Self::Event | Self::Total | Self::Other)
    }
}

/// Begins a query for all items of a tenant in a cell, strongly consistent, in the order of their keys.
#[must_use]
pub fn items(client: &Client, table: &str, tenant: &TenantId) -> QueryFluentBuilder {
    client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant")
        .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
        .consistent_read(true)
}

/// Reads items by their sort keys, strongly consistent.
pub(crate) async fn by_key(
    client: &Client,
    table: &str,
    tenant: &TenantId,
    keys: &[String],
) -> Result<HashMap<String, Item>, AwsFailure> {
    let chunks = keys.chunks(KEYS_AT_ONCE).map(|keys| chunk(client, table, tenant, keys));
    let found: Vec<Vec<(String, Item)>> = stream::iter(chunks).buffer_unordered(READS_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn chunk(
    client: &Client,
    table: &str,
    tenant: &TenantId,
    keys: &[String],
) -> Result<Vec<(String, Item)>, AwsFailure> {
    let mut found = Vec::with_capacity(keys.len());
    let mut left: Vec<Item> = keys.iter().map(|sk| key(tenant, sk.as_str())).collect();
    let mut backoff = Backoff::within(PLACE_TIMEOUT);
    while !left.is_empty() {
        let wanted = KeysAndAttributes::builder().set_keys(Some(left.clone())).consistent_read(true).build();
        let wanted = wanted.map_err(|error| AwsFailure::unreadable(READ, error.to_string()))?;
        match client.batch_get_item().request_items(table, wanted).send().await {
            Ok(got) => {
                for item in got.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                    found.push((sort_key(&item)?, item));
                }
                left = got.unprocessed_keys.into_iter().flatten().flat_map(|(_, keys)| keys.keys).collect();
            }
            Err(error) if error.code().is_some_and(is_busy) => {}
            Err(error) => return Err(AwsFailure::of(READ, error)),
        }
        if !left.is_empty() && !backoff.pause().await {
            return Err(AwsFailure::late(READ));
        }
    }
    Ok(found)
}

/// Returns whether an error's code says that a call is to be tried again.
pub(crate) fn is_busy(code: &str) -> bool {
    matches!(code, "TransactionConflictException" | "ProvisionedThroughputExceededException" | "ThrottlingException")
}

/// Returns the sort key of an item.
pub(crate) fn sort_key(item: &Item) -> Result<String, AwsFailure> {
    let key = item.get(SORT_KEY).and_then(|key| key.as_s().ok()).cloned();
    key.ok_or_else(|| AwsFailure::unreadable(READ, "an item without a sort key".to_owned()))
}

/// Returns the time at which a router accepted an event, by that router's clock. Nothing else is stored that shows which of two
/// events is older: callers may have named them, so keys say nothing of their age.
pub(crate) fn accepted_at(item: &Item) -> u64 {
    item.get("accepted_at").and_then(|at| at.as_n().ok()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_that_of_the_keys_prefix() {
        let kinds = ["event#1", "total#order", "journal#1", "fence#0", "sum", "eventual", "a-fence#0"].map(Kind::of);
        let expected = [Kind::Event, Kind::Total, Kind::Journal, Kind::Fence, Kind::Other, Kind::Other, Kind::Other];
        assert_eq!(kinds, expected);
        let data: Vec<&str> = kinds.iter().filter(|kind| kind.is_data()).map(|kind| kind.as_str()).collect();
        assert_eq!(data, ["event", "total", "other", "other", "other"]);
        assert!(kinds.iter().all(|kind| serde_json::to_value(kind).unwrap() == kind.as_str()));
    }
}

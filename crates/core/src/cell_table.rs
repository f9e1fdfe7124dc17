//! The table of a cell: one partition per tenant.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::TenantId;

/// The partition key of a cell table and of the tenant map.
pub const TENANT_ID: &str = "tenant_id";
/// The sort key of a cell table.
pub const SORT_KEY: &str = "sk";
/// The attribute of an event that was accepted in another cell, which held it or handed it over: its record on this cell's stream is
/// later than its `accepted_at`.
pub const CAME_LATER: &str = "came_later";
/// The prefix of each total's sort key.
pub const TOTAL_PREFIX: &str = "total#";

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// Returns the key of an item in a tenant's partition.
#[must_use]
pub fn key(tenant: &TenantId, sort_key: impl Into<String>) -> Item {
    Item::from([
        (TENANT_ID.to_owned(), AttributeValue::S(tenant.as_str().to_owned())),
        (SORT_KEY.to_owned(), AttributeValue::S(sort_key.into())),
    ])
}

/// Returns a number attribute.
#[must_use]
pub fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

//! The table of a cell: one partition a tenant.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{Epoch, TenantId};

/// Partition key of a cell table and of the tenant map.
pub const TENANT_ID: &str = "tenant_id";
/// Sort key of a cell table.
pub const SORT_KEY: &str = "sk";
/// Sort key of the fence.
pub const FENCE: &str = "fence";
/// What each total's sort key begins with.
pub const TOTAL_PREFIX: &str = "total#";

/// An item of DynamoDB.
pub type Item = HashMap<String, AttributeValue>;

/// The key of an item in a tenant's partition.
#[must_use]
pub fn key(tenant: &TenantId, sort_key: impl Into<String>) -> Item {
    Item::from([
        (TENANT_ID.to_owned(), AttributeValue::S(tenant.as_str().to_owned())),
        (SORT_KEY.to_owned(), AttributeValue::S(sort_key.into())),
    ])
}

/// A number attribute.
#[must_use]
pub fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The open fence of a tenant: the cell's own word that it accepts the tenant's events of this epoch.
#[must_use]
pub fn open_fence(tenant: &TenantId, epoch: Epoch) -> Item {
    let mut item = key(tenant, FENCE);
    item.insert("epoch".to_owned(), number(epoch.0));
    item.insert("state".to_owned(), AttributeValue::S("open".to_owned()));
    item
}

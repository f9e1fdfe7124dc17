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

/// What the fence of a tenant says: the cell's own word on whether it takes the tenant's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceState {
    /// It does.
    Open,
    /// It takes them while the tenant's own cell is marked down.
    Standby,
    /// It does not.
    Closed,
}

impl FenceState {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Standby => "standby",
            Self::Closed => "closed",
        }
    }
}

/// The fence of a tenant, for events of this epoch.
#[must_use]
pub fn fence(tenant: &TenantId, epoch: Epoch, state: FenceState) -> Item {
    let mut item = key(tenant, FENCE);
    item.insert("epoch".to_owned(), number(epoch.0));
    item.insert("state".to_owned(), AttributeValue::S(state.as_str().to_owned()));
    item
}

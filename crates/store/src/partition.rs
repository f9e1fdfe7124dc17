//! A tenant's partition in a cell's table: the kinds of its items, and their read in the order of their keys.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::TenantId;
use cellstack_core::cell_table::TOTAL_PREFIX;
use cellstack_core::event::EventKey;
use cellstack_core::fence::FENCE_PREFIX;
use cellstack_core::journal::JOURNAL_PREFIX;
use serde::Serialize;

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

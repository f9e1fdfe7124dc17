//! The end of a cell's mark-down, as the tables of the standbys keep it.
//!
//! A router that knows a cell as down, and can't read the registry, may have learned of the mark before it was frozen. Then the
//! standby has the last word: no event is held for a cell that is up again.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::CellId;
use crate::cell_table::{Item, SORT_KEY, TENANT_ID, number};
use crate::limits::ENDED_MARK_RETENTION;

/// The prefix of the partitions: `mark-down#<cell>` has an item per mark-down that has ended, with its time as the sort key. No tenant
/// id has its last character.
pub const MARK_DOWN_PREFIX: &str = "mark-down#";

/// Returns the key of the item that says that the mark-down of this time has ended: the `down_at` of the cell's record. It is
/// compared for equality only: mark-downs have their times from the clocks of different operators.
#[must_use]
pub fn key(cell: &CellId, down_at: u64) -> Item {
    Item::from([
        (TENANT_ID.to_owned(), AttributeValue::S(format!("{MARK_DOWN_PREFIX}{cell}"))),
        (SORT_KEY.to_owned(), AttributeValue::S(down_at.to_string())),
    ])
}

/// Returns the item that says so. It expires when no router can know the cell by that mark-down any more.
#[must_use]
pub fn item(cell: &CellId, down_at: u64, now_ms: u64) -> Item {
    let mut item = key(cell, down_at);
    item.insert("expires_at".to_owned(), number(now_ms / 1_000 + ENDED_MARK_RETENTION.as_secs()));
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TenantId;

    #[test]
    fn the_partition_is_no_tenants_and_the_item_outlasts_every_environment() {
        let cell: CellId = "alpha".parse().unwrap();
        let item = item(&cell, 7, 1_000);
        let partition = item[TENANT_ID].as_s().unwrap();
        assert_eq!((partition.as_str(), item[SORT_KEY].as_s().unwrap().as_str()), ("mark-down#alpha", "7"));
        assert!(partition.parse::<TenantId>().is_err());
        assert_eq!(item["expires_at"].as_n().unwrap(), &(30 * 24 * 3_600 + 1).to_string());
    }
}

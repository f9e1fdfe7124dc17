//! The usage of a cell: how many events it processed, by day and tenant.
//!
//! A day has a partition of its own in the cell's table, with an item per tenant, so that one query reads all tenants of
//! a day. One event in [`SAMPLE`] is counted, for all of them, in the transaction that marks it processed: exactly once,
//! for an eighth of a write unit per event. An event's id decides, hence repeats of it count no further.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::cell_table::{Item, SORT_KEY, TENANT_ID};
use crate::event::rfc3339;
use crate::limits::USAGE_DAYS;
use crate::{EventId, TenantId};

/// The prefix of the partitions. No tenant id has its last character.
pub const USAGE_PREFIX: &str = "usage#";
/// The attribute that counts events.
pub const EVENTS: &str = "events";
/// The number of events that one counted event stands for: a power of two, up to 256.
pub const SAMPLE: u64 = 16;

const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// Returns the number of events that an event counts for: [`SAMPLE`] or none.
#[must_use]
pub const fn counted(event: EventId) -> u64 {
    let [.., last] = event.to_bytes();
    if (last as u64).is_multiple_of(SAMPLE) { SAMPLE } else { 0 }
}

/// Returns the partition of the day that a time is in (UTC).
#[must_use]
pub fn partition(wall_ms: u64) -> String {
    let time = rfc3339(wall_ms);
    format!("{USAGE_PREFIX}{}", time.split('T').next().unwrap_or(&time))
}

/// Returns the partitions of the last days, today's first.
pub fn partitions(now_ms: u64, days: u8) -> impl Iterator<Item = String> {
    (0..u64::from(days)).map(move |ago| partition(now_ms.saturating_sub(ago * DAY_MS)))
}

/// Returns the key of a tenant's item in a day's partition.
#[must_use]
pub fn key(partition: &str, tenant: &TenantId) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item::from([(TENANT_ID.to_owned(), text(partition)), (SORT_KEY.to_owned(), text(tenant.as_str()))])
}

/// Returns the second since the Unix epoch at which an item that is written now may go.
#[must_use]
pub const fn expires_at(now_ms: u64) -> u64 {
    // Today is one of the days.
    (now_ms + (USAGE_DAYS as u64 + 1) * DAY_MS) / 1_000
}

/// Returns the number of events by tenant in the partition that an item is in, if it is one of usage.
#[must_use]
pub fn read(item: &Item) -> Option<(TenantId, u64)> {
    item.get(TENANT_ID)?.as_s().ok()?.strip_prefix(USAGE_PREFIX)?;
    let tenant = item.get(SORT_KEY)?.as_s().ok()?.parse().ok()?;
    Some((tenant, item.get(EVENTS)?.as_n().ok()?.parse().ok()?))
}

/// Events by tenant.
pub type Usage = BTreeMap<TenantId, u64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_in_sixteen_counts_for_all() {
        let events = 20_000;
        let sum: u64 = (0..events).map(|number| counted(EventId::named("test", &number.to_string()))).sum();
        assert!(sum.abs_diff(events) * 10 < events, "{sum} of {events}");
        let id = EventId::named("test", "again");
        assert_eq!(counted(id), counted(id));
    }

    #[test]
    fn a_day_has_a_partition_and_a_tenant_an_item_in_it() {
        let midnight = 1_767_225_600_000;
        assert_eq!(partition(midnight), "usage#2026-01-01");
        assert_eq!(partition(midnight - 1), "usage#2025-12-31");
        assert_eq!(partitions(midnight, 2).collect::<Vec<_>>(), ["usage#2026-01-01", "usage#2025-12-31"]);
        let acme: TenantId = "acme".parse().unwrap();
        let mut item = key(&partition(midnight), &acme);
        assert_eq!(read(&item), None, "nothing is counted");
        item.insert(EVENTS.to_owned(), AttributeValue::N("32".to_owned()));
        assert_eq!(read(&item), Some((acme.clone(), 32)));
        let other = crate::cell_table::key(&acme, "total#a");
        assert_eq!(
            read(&other.into_iter().chain([(EVENTS.to_owned(), AttributeValue::N("1".to_owned()))]).collect()),
            None
        );
        assert!("usage#2026-01-01".parse::<TenantId>().is_err());
    }

    #[test]
    fn an_item_outlives_the_days_that_are_read() {
        let now = 1_767_225_600_000;
        let oldest = partitions(now, USAGE_DAYS).last().unwrap();
        let written = now - u64::from(USAGE_DAYS - 1) * DAY_MS;
        assert_eq!(partition(written), oldest);
        assert!(expires_at(written) * 1_000 > now + DAY_MS);
    }
}

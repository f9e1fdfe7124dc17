//! The journal of a tenant: the events that its cell has accepted under its fence.
//!
//! Ids of named events are hashes, so that no range of keys holds what is new. Each write that checks the fence therefore
//! leaves a small item alongside the event, in the same transaction, and a move that has read the tenant once needs to read
//! only these. A move that has copied the event deletes the item, and so does the purge of a copy.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::EventId;
use crate::cell_table::{Item, SORT_KEY, TENANT_ID};
use crate::event::EventKey;

/// The prefix of each item's sort key.
pub const JOURNAL_PREFIX: &str = "journal#";

/// Attributes that an item has from its event.
const SHARED: [&str; 2] = [TENANT_ID, "expires_at"];

/// Returns the item for an event's item, if that is one of an event.
#[must_use]
pub fn item_of(event: &Item) -> Option<Item> {
    let id = event.get(SORT_KEY)?.as_s().ok()?.strip_prefix(EventKey::PREFIX)?;
    let shared = SHARED.iter().filter_map(|name| Some(((*name).to_owned(), event.get(*name)?.clone())));
    Some(shared.chain([(SORT_KEY.to_owned(), AttributeValue::S(format!("{JOURNAL_PREFIX}{id}")))]).collect())
}

/// Returns the sort key of the event that an item is about, if it is an item of the journal.
#[must_use]
pub fn event_key(sort_key: &str) -> Option<String> {
    let id: EventId = sort_key.strip_prefix(JOURNAL_PREFIX)?.parse().ok()?;
    Some(format!("{}{id}", EventKey::PREFIX))
}

/// Returns the sort key of the item for an event.
#[must_use]
pub fn key_of(event_key: &str) -> Option<String> {
    event_key.strip_prefix(EventKey::PREFIX).map(|id| format!("{JOURNAL_PREFIX}{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_has_the_key_and_the_end_of_its_event_and_no_more() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let (sk, end) = ("event#019b76da-a800-7000-8000-000000000004", AttributeValue::N("9".to_owned()));
        let attributes =
            [(TENANT_ID, text("acme")), (SORT_KEY, text(sk)), ("expires_at", end), ("data", text("large"))];
        let event: Item = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut expected = event.clone();
        expected.remove("data");
        expected.insert(SORT_KEY.to_owned(), text("journal#019b76da-a800-7000-8000-000000000004"));
        assert_eq!(item_of(&event), Some(expected));
        assert_eq!(event_key("journal#2026-01"), None, "no event has this id");
        assert_eq!(key_of(sk).and_then(|key| event_key(&key)).as_deref(), Some(sk));
        assert_eq!(item_of(&Item::from([(SORT_KEY.to_owned(), text("total#a"))])), None);
    }
}

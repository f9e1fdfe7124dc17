//! The writes that a processor asks for, and the merge of several events' effects into one transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::event::EventKey;
use cellstack_core::journal::JOURNAL_PREFIX;
use rust_decimal::Decimal;

use crate::addition::Addition;

/// The prefixes of Cellstack's own items in a tenant's partition.
const RESERVED: [&str; 3] = [EventKey::PREFIX, "fence", JOURNAL_PREFIX];

/// A write to one item of the tenant's partition.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Adds to number attributes; missing ones count as zero.
    Add(BTreeMap<String, Addition>),
    /// Replaces the item's attributes.
    Put(BTreeMap<String, AttributeValue>),
    /// Deletes the item.
    Delete,
}

/// The effects of an event: at most one write per item.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    result: Option<String>,
    /// The reason why the effects can never be written.
    fault: Option<String>,
    writes: BTreeMap<String, Effect>,
}

impl Effects {
    /// Returns no effect but the mark that the event is processed.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets the event's result: JSON, shown by `GET /v1/events/{id}`.
    #[must_use]
    pub fn result(mut self, result: &serde_json::Value) -> Self {
        self.result = Some(result.to_string());
        self
    }

    /// Adds a number to an attribute of the item with this sort key. Sort keys that begin with `event#`, `fence` or
    /// `journal#` belong to Cellstack: an event with an effect on one is refused. Numbers are added exactly: an event is
    /// refused when its additions to one attribute take more digits together than a decimal has, some 28.
    #[must_use]
    pub fn add(self, sort_key: impl Into<String>, attribute: impl Into<String>, amount: impl Into<Decimal>) -> Self {
        self.change(sort_key.into(), attribute.into(), Addition::of(amount.into()))
    }

    /// Subtracts a number from an attribute of the item with this sort key, which must not become negative by it: an event
    /// that takes more than is there when it is committed is refused, as if its processor had returned
    /// [`Permanent`](crate::ProcessError::Permanent). None of its effects is written then.
    #[must_use]
    pub fn take(self, sort_key: impl Into<String>, attribute: impl Into<String>, amount: impl Into<Decimal>) -> Self {
        self.change(sort_key.into(), attribute.into(), Addition::taking(amount.into()))
    }

    fn change(self, sort_key: String, attribute: String, addition: Addition) -> Self {
        let mut changed = self.checked(&sort_key);
        let write = changed.writes.entry(sort_key).or_insert_with(|| Effect::Add(BTreeMap::new()));
        if !matches!(write, Effect::Add(_)) {
            *write = Effect::Add(BTreeMap::new());
        }
        if let Effect::Add(numbers) = write {
            let number = numbers.entry(attribute).or_default();
            match number.then(addition) {
                Some(sum) => *number = sum,
                None => changed.fault = Some("its additions to one attribute take too many digits".to_owned()),
            }
        }
        changed
    }

    /// Refuses an effect on an item of Cellstack's own.
    fn checked(mut self, sort_key: &str) -> Self {
        if RESERVED.iter().any(|prefix| sort_key.starts_with(prefix)) {
            self.fault = Some(format!("its effect on {sort_key} is on an item that belongs to Cellstack"));
        }
        self
    }

    /// Replaces the item with this sort key.
    #[must_use]
    pub fn put(self, sort_key: impl Into<String>, item: BTreeMap<String, AttributeValue>) -> Self {
        let sort_key = sort_key.into();
        let mut changed = self.checked(&sort_key);
        changed.writes.insert(sort_key, Effect::Put(item));
        changed
    }

    /// Deletes the item with this sort key.
    #[must_use]
    pub fn delete(self, sort_key: impl Into<String>) -> Self {
        let sort_key = sort_key.into();
        let mut changed = self.checked(&sort_key);
        changed.writes.insert(sort_key, Effect::Delete);
        changed
    }

    pub(crate) fn as_result(&self) -> Option<&str> {
        self.result.as_deref()
    }

    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    pub(crate) const fn writes(&self) -> &BTreeMap<String, Effect> {
        &self.writes
    }
}

/// Merges the writes of earlier events with those of a later one. A transaction takes one action per item, so both must
/// become one: additions add up, and a replacement or deletion overrides what came before it. Returns `None` when they
/// can't become one (an addition to an item that was just replaced, a sum that would be rounded) and need two
/// transactions.
pub(crate) fn merge(
    earlier: &BTreeMap<String, Effect>,
    later: &BTreeMap<String, Effect>,
) -> Option<BTreeMap<String, Effect>> {
    let mut merged = earlier.clone();
    for (sort_key, effect) in later {
        match (merged.get_mut(sort_key), effect) {
            (Some(Effect::Add(numbers)), Effect::Add(more)) => {
                for (attribute, addition) in more {
                    let sum = numbers.entry(attribute.clone()).or_default();
                    *sum = sum.then(*addition)?;
                }
            }
            (Some(_), Effect::Add(_)) => return None,
            _ => {
                merged.insert(sort_key.clone(), effect.clone());
            }
        }
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_add_up_and_replacements_override() {
        let two = Effects::none().add("t", "count", 1).add("t", "count", 1).add("u", "count", 1);
        let merged = merge(two.writes(), Effects::none().add("t", "count", 3).writes()).unwrap();
        assert_eq!(merged["t"], Effect::Add(BTreeMap::from([("count".to_owned(), Addition::of(Decimal::from(5)))])));
        assert_eq!(merged.len(), 2);

        let gone = merge(&merged, Effects::none().delete("t").writes()).unwrap();
        assert_eq!(gone["t"], Effect::Delete);
        assert_eq!(merge(&gone, two.writes()), None, "an addition after a deletion needs a transaction of its own");
        assert_eq!(merge(&merged, Effects::none().add("t", "count", Decimal::MAX).writes()), None, "overflow");
        let tiny = Effects::none().add("t", "count", Decimal::new(1, 28));
        let large = Effects::none().add("t", "count", Decimal::new(1_000, 0));
        assert_eq!(merge(large.writes(), tiny.writes()), None, "it would have to be rounded");
    }

    #[test]
    fn an_effect_on_an_item_of_cellstacks_own_is_refused() {
        for key in ["event#1", "fence#0", "journal#2026-01"] {
            let none = Effects::none;
            for effects in [none().add(key, "n", 1), none().put(key, BTreeMap::new()), none().delete(key)] {
                assert!(effects.fault().is_some_and(|fault| fault.contains(key)), "{key}");
            }
        }
        assert_eq!(Effects::none().add("journal", "n", 1).delete("events").fault(), None);
    }

    #[test]
    fn an_event_whose_own_additions_would_be_rounded_is_refused() {
        let exact = Effects::none().add("t", "sum", Decimal::MAX).add("t", "sum", -Decimal::MAX);
        assert_eq!(exact.fault(), None);
        for more in [Decimal::ONE, Decimal::new(1, 28)] {
            assert!(Effects::none().add("t", "sum", Decimal::MAX).add("t", "sum", more).fault().is_some());
        }
    }
}

//! A tenant's partition of a cell's table.

use std::collections::BTreeMap;

use cellstack_core::cell_table::Item;
use cellstack_core::{EventRecord, EventStatus};

/// All that a cell holds of a tenant when a run has come to rest. A tenant that has moved has a partition in each of its
/// cells: its later cell begins with an empty one.
#[derive(Debug, Clone)]
pub struct Partition<'a> {
    pub(crate) events: Vec<&'a EventRecord>,
    pub(crate) items: &'a BTreeMap<String, Item>,
}

impl<'a> Partition<'a> {
    /// Returns the events, of every status.
    pub fn events(&self) -> impl Iterator<Item = &'a EventRecord> {
        self.events.iter().copied()
    }

    /// Returns the events that are processed: those whose effects must be there.
    pub fn processed(&self) -> impl Iterator<Item = &'a EventRecord> {
        self.events().filter(|event| event.status == EventStatus::Processed)
    }

    /// Returns the items that the processor has written, by their sort keys.
    pub const fn items(&self) -> &'a BTreeMap<String, Item> {
        self.items
    }

    /// Returns a number as the table holds it, exactly. `None` where it is missing.
    pub fn number(&self, sort_key: &str, attribute: &str) -> Option<&'a str> {
        Some(self.items.get(sort_key)?.get(attribute)?.as_n().ok()?.as_str())
    }
}

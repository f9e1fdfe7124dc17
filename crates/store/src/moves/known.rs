//! A run's knowledge of the source's events: some 50 bytes per event, for tens of millions of events.

use std::collections::BTreeSet;
use std::fmt;

use cellstack_core::EventId;
use cellstack_core::event::EventKey;

/// The sort key of an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// The key of an id. It takes a third of the bytes of its text.
    Of(EventId),
    /// A key that no router writes.
    Odd(Box<str>),
}

impl Key {
    pub(super) fn new(text: String) -> Self {
        let id = text.strip_prefix(EventKey::PREFIX).and_then(|id| id.parse::<EventId>().ok());
        // An id has several spellings, and each spelling is a key of its own.
        match id.map(Self::Of) {
            Some(key) if key.to_string() == text => key,
            _ => Self::Odd(text.into()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(id) => write!(f, "{}{id}", EventKey::PREFIX),
            Self::Odd(text) => f.write_str(text),
        }
    }
}

/// A run's knowledge of the source's events.
#[derive(Debug, Default)]
pub struct Known {
    /// Events that are processed, and equal in both cells.
    pub(super) processed: BTreeSet<Key>,
    /// All other events of the source that were found.
    pub(super) open: BTreeSet<Key>,
    /// Events that only the destination has.
    pub(super) only_there: BTreeSet<Key>,
    /// True if the journal has every event that was not found.
    is_complete: bool,
}

impl Known {
    /// Returns whether the run has read nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processed.is_empty() && !self.is_complete
    }

    /// Notes that every write went into the journal when the last sweep began: from now on events are read by their keys only.
    pub const fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Returns whether [`complete`](Self::complete) was called.
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_a_key_of_its_own() {
        let id = "0197f2a4-7c1b-7d3e-9a5f-0123456789ab";
        for text in [id, &id.to_uppercase(), &id.replace('-', ""), &format!("{{{id}}}"), "", "mine", "größe#1"] {
            let text = format!("{}{text}", EventKey::PREFIX);
            let key = Key::new(text.clone());
            assert_eq!(key.to_string(), text);
            assert_eq!(matches!(key, Key::Of(_)), text.ends_with(id) && text.len() == "event#".len() + id.len());
        }
    }
}

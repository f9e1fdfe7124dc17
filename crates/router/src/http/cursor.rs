//! The position at which a listing continues: opaque to callers, and valid for its own listing only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cellstack_core::limits::MAX_CURSOR;
use cellstack_core::{EventStatus, EventType, TenantId};
use sha2::{Digest, Sha256};

use crate::cell::Filter;

/// The length of the seal in bytes.
const SEAL: usize = 8;

/// The parts of a listing that a cursor is tied to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a>([&'a str; 4]);

impl<'a> Scope<'a> {
    pub(crate) fn events(tenant: &'a TenantId, filter: &'a Filter) -> Self {
        let event_type = filter.event_type.as_ref().map_or("", EventType::as_str);
        Self(["events", tenant.as_str(), event_type, filter.status.map_or("", EventStatus::as_str)])
    }

    pub(crate) fn totals(tenant: &'a TenantId) -> Self {
        Self(["totals", tenant.as_str(), "", ""])
    }
}

/// The last entry that was scanned (an event's id, a total's type), and a seal that ties it to its listing. The seal is
/// not a secret: a listing never leaves its tenant's partition, with any cursor. It keeps a cursor from being used
/// where it would skip entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    last: String,
    seal: [u8; SEAL],
}

impl Cursor {
    pub(crate) fn new(last: &str, scope: &Scope<'_>) -> Self {
        Self { last: last.to_owned(), seal: seal(last, scope) }
    }

    /// Returns the last entry, if the cursor is of this listing.
    pub(crate) fn open(&self, scope: &Scope<'_>) -> Option<&str> {
        (self.seal == seal(&self.last, scope)).then_some(&self.last)
    }

    pub(crate) fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(self.last.len() + SEAL);
        bytes.extend_from_slice(&self.seal);
        bytes.extend_from_slice(self.last.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (seal, last) = bytes.split_first_chunk()?;
        let last = std::str::from_utf8(last).ok().filter(|last| last.len() <= MAX_CURSOR)?;
        Some(Self { last: last.to_owned(), seal: *seal })
    }
}

fn seal(last: &str, Scope(parts): &Scope<'_>) -> [u8; SEAL] {
    let mut hash = Sha256::new();
    for part in parts.iter().chain([&last]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut seal = [0; SEAL];
    seal.copy_from_slice(&hash.finalize()[..SEAL]);
    seal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_listing() {
        let (acme, globex): (TenantId, TenantId) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (all, failed) = (Filter::default(), Filter { status: Some(EventStatus::Failed), event_type: None });
        let cursor = Cursor::new("01930000-0000-7000-8000-000000000001", &Scope::events(&acme, &failed));
        let cursor = Cursor::decode(&cursor.encode()).unwrap();
        assert_eq!(cursor.open(&Scope::events(&acme, &failed)), Some("01930000-0000-7000-8000-000000000001"));
        assert_eq!(cursor.open(&Scope::events(&globex, &failed)), None);
        assert_eq!(cursor.open(&Scope::events(&acme, &all)), None);
        assert_eq!(cursor.open(&Scope::totals(&acme)), None);
        let totals = Cursor::new("order.placed", &Scope::totals(&acme));
        assert_eq!(totals.open(&Scope::totals(&acme)), Some("order.placed"));
        assert_eq!(totals.open(&Scope::totals(&globex)), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Cursor::decode(&text);
            if let Some(cursor) = Cursor::decode(&URL_SAFE_NO_PAD.encode(bytes)) {
                prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
            }
        }

        #[test]
        fn every_position_comes_back(last in "[ -~\u{80}-\u{10ffff}]{0,60}") {
            let tenant: TenantId = "acme".parse().unwrap();
            let cursor = Cursor::decode(&Cursor::new(&last, &Scope::totals(&tenant)).encode()).unwrap();
            prop_assert_eq!(cursor.open(&Scope::totals(&tenant)), Some(last.as_str()));
        }
    }
}

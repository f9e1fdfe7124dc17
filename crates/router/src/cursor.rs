//! Where a listing goes on: opaque to callers, and good for the listing it came from only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cellstack_core::{EventId, EventStatus, EventType, TenantId};
use sha2::{Digest, Sha256};

use crate::cell::Filter;

/// Bytes of the seal.
const SEAL: usize = 8;

/// The id of the last event that was looked at, and a seal that ties it to a tenant and a filter. The seal is no secret:
/// a listing never leaves its tenant's partition, whatever a cursor says. It keeps a cursor from being used where it
/// would skip events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    last: EventId,
    seal: [u8; SEAL],
}

impl Cursor {
    pub(crate) fn new(last: EventId, tenant: &TenantId, filter: &Filter) -> Self {
        Self { last, seal: seal(last, tenant, filter) }
    }

    /// The id, if the cursor is of this listing.
    pub(crate) fn open(self, tenant: &TenantId, filter: &Filter) -> Option<EventId> {
        (self.seal == seal(self.last, tenant, filter)).then_some(self.last)
    }

    pub(crate) fn encode(self) -> String {
        let mut bytes = Vec::with_capacity(16 + SEAL);
        bytes.extend_from_slice(&self.last.to_bytes());
        bytes.extend_from_slice(&self.seal);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (last, seal) = bytes.split_first_chunk()?;
        Some(Self { last: EventId::from_bytes(*last), seal: seal.try_into().ok()? })
    }
}

fn seal(last: EventId, tenant: &TenantId, filter: &Filter) -> [u8; SEAL] {
    let event_type = filter.event_type.as_ref().map_or("", EventType::as_str);
    let status = filter.status.map_or("", EventStatus::as_str);
    let mut hash = Sha256::new();
    hash.update(last.to_bytes());
    for part in [tenant.as_str(), event_type, status] {
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
        let id: EventId = "01930000-0000-7000-8000-000000000001".parse().unwrap();
        let (acme, globex): (TenantId, TenantId) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (all, failed) = (Filter::default(), Filter { status: Some(EventStatus::Failed), event_type: None });
        let cursor = Cursor::decode(&Cursor::new(id, &acme, &failed).encode()).unwrap();
        assert_eq!(cursor.open(&acme, &failed), Some(id));
        assert_eq!(cursor.open(&globex, &failed), None);
        assert_eq!(cursor.open(&acme, &all), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Cursor::decode(&text);
            if let Some(cursor) = Cursor::decode(&URL_SAFE_NO_PAD.encode(bytes)) {
                prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
            }
        }
    }
}

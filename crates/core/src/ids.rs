//! Ids, parsed once at the edge.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::limits::{MAX_CELL_ID, MAX_EVENT_TYPE, MAX_TENANT_ID};
use crate::text::excerpt;
use crate::{Clock, Entropy};

/// The tenant of the events by which a cell is probed. No tenant may be placed under it, and its events have no effect.
pub const PROBE_TENANT: &str = "cellstack-probe";
/// The type of these events.
pub const PROBE_TYPE: &str = "cellstack.probe";

/// A text that is not a valid id, with the rule and the text found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {expected}; found {found}")]
pub struct InvalidId {
    /// The kind of id.
    pub what: &'static str,
    /// The rule.
    pub expected: &'static str,
    /// The text found, shortened.
    pub found: String,
}

impl InvalidId {
    fn new(what: &'static str, expected: &'static str, found: &str) -> Self {
        let found = if found.is_empty() { "nothing".to_owned() } else { format!("'{}'", excerpt(found)) };
        Self { what, expected, found }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(InvalidId::new($what, $expected, text)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

text_id!(
    /// The owner of events: partition key of its cell table, key of the tenant map.
    TenantId,
    "a tenant id",
    "1 to 128 characters of A-Z a-z 0-9 . _ : @ -",
    |text| matches!(text.len(), 1..=MAX_TENANT_ID)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:@-".contains(&b))
);

text_id!(
    /// The id of a cell. It becomes part of resource names, hence the narrow alphabet.
    CellId,
    "a cell id",
    "1 to 20 characters of a-z 0-9 -, a letter first, no - last",
    |text| matches!(text.len(), 1..=MAX_CELL_ID)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
);

text_id!(
    /// The type of an event, for example `order.placed`.
    EventType,
    "an event type",
    "1 to 128 characters of A-Z a-z 0-9 . _ : / -",
    |text| matches!(text.len(), 1..=MAX_EVENT_TYPE)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/-".contains(&b))
);

/// A number of a tenant's route that grows with each change of cell. The tenant map counts it up, and a cell's fence
/// compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of a tenant's first placement.
    pub const FIRST: Self = Self(1);
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's id within its tenant. Repeats of an event have the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// Returns a fresh UUIDv7: ids sort by time.
    pub fn fresh(source: &(impl Clock + Entropy)) -> Self {
        Self::from_parts(source.wall_ms(), source.random())
    }

    /// Returns the UUIDv7 of a time, in milliseconds since the Unix epoch, and of ten random bytes.
    #[must_use]
    pub fn from_parts(wall_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(wall_ms, &random).into_uuid())
    }

    /// Returns the id of an event that its caller names: the name itself when it is a UUIDv7, else a UUID derived from
    /// it.
    ///
    /// `scope` keeps names of different kinds apart (an `Idempotency-Key`, a CloudEvents source). Derived ids are of
    /// version 8 (RFC 9562, "custom"): the first 122 free bits of a SHA-256.
    pub fn named(scope: &str, name: &str) -> Self {
        if let Ok(id) = Uuid::try_parse(name)
            && id.get_version_num() == 7
        {
            return Self(id);
        }
        let mut hash = Sha256::new();
        hash.update((scope.len() as u64).to_be_bytes());
        hash.update(scope);
        hash.update(name);
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl EventId {
    /// Returns the id's 16 bytes. They sort as its text does.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// Returns the id of 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId::new("an event id", "a UUID, as the 202 gave it", text))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;

    #[test]
    fn ids_accept_what_they_document_and_name_the_rule_otherwise() {
        for good in ["acme", "tenant-1", "a@b.c", "A:1_2", &"x".repeat(128)] {
            assert_eq!(good.parse::<TenantId>().unwrap().as_str(), good);
        }
        for bad in ["", "a#b", "a b", "a/b", "é", &"x".repeat(129)] {
            let error = bad.parse::<TenantId>().unwrap_err().to_string();
            assert!(error.starts_with("a tenant id must be 1 to 128"), "{error}");
            assert!(error.len() < 300, "{error}");
        }
        for bad in ["Alpha", "1st", "a-", "-a", &"a".repeat(21)] {
            assert!(bad.parse::<CellId>().is_err(), "{bad}");
        }
        assert!("cell-1".parse::<CellId>().is_ok());
        assert!("order.placed/v1".parse::<EventType>().is_ok());
        assert!("order placed".parse::<EventType>().is_err());
    }

    #[test]
    fn fresh_ids_sort_by_time() {
        let clock = FixedClock::at_ms(1_000_000);
        let first = EventId::fresh(&clock);
        clock.advance_ms(1);
        let second = EventId::fresh(&clock);
        assert!(first < second && first.to_string() < second.to_string());
    }

    #[test]
    fn a_named_event_has_one_id_per_scope() {
        let v7 = "01930000-0000-7000-8000-000000000001";
        assert_eq!(EventId::named("any", v7).to_string(), v7);
        let derived = EventId::named("idempotency-key", "order-17");
        assert_eq!(derived, EventId::named("idempotency-key", "order-17"));
        assert_ne!(derived, EventId::named("idempotency-key", "order-18"));
        assert_ne!(derived, EventId::named("/shop", "order-17"));
        // The scope's length is part of the hash, so text can't move from one part to the other.
        assert_ne!(EventId::named("ab", "c"), EventId::named("a", "bc"));
        assert_eq!(derived.0.get_version_num(), 8);
    }
}

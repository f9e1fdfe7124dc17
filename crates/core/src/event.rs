//! An event: as a caller gives it, and as a cell keeps it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{Epoch, EventId, EventType, TenantId};

/// A validated event on its way into a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Fresh, or from the name its caller gave it.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// JSON text, exactly as it came.
    pub data: Option<String>,
    /// The caller's other CloudEvents context attributes: the text of a JSON object, absent when there are none.
    pub context: Option<String>,
}

impl NewEvent {
    /// SHA-256 over type, context and data, in hexadecimal: two requests with the same name are the same event when
    /// this is the same, and a conflict otherwise.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [Some(self.event_type.as_str()), self.context.as_deref(), self.data.as_deref()] {
            let part = part.unwrap_or_default();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex(hash.finalize())
    }
}

/// Where an event is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// Durable; on its way through the pipeline.
    Accepted,
    /// Durable in the tenant's standby cell, until the tenant's own cell is up again. It is not processed there.
    Held,
    /// Its effect and this mark were one transaction.
    Processed,
    /// Its processor refused it for good.
    Failed,
    /// Handed over to the tenant's next cell by a move.
    Carried,
}

impl EventStatus {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Held => "held",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::Carried => "carried",
        }
    }
}

impl std::fmt::Display for EventStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event as its item in the cell table says it. Attribute names are what `serde` makes of the field names; they
/// count towards the item's size, and each KiB of an item is a write unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Partition key.
    pub tenant_id: TenantId,
    /// Sort key, `event#<id>`.
    pub sk: EventKey,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The caller's other CloudEvents attributes: the text of a JSON object.
    #[serde(default, rename = "ce", skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Where it is in its life.
    pub status: EventStatus,
    /// The tenant's epoch when it was accepted.
    pub epoch: Epoch,
    /// Milliseconds since the Unix epoch.
    pub accepted_at: u64,
    /// [`NewEvent::fingerprint`].
    pub body_sha256: String,
    /// Milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_at: Option<u64>,
    /// What its processor said: JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl EventRecord {
    /// The record of a new event.
    #[must_use]
    pub fn accepted(tenant: TenantId, event: NewEvent, epoch: Epoch, accepted_at: u64) -> Self {
        let body_sha256 = event.fingerprint();
        Self {
            tenant_id: tenant,
            sk: EventKey(event.id),
            event_type: event.event_type,
            data: event.data,
            context: event.context,
            status: EventStatus::Accepted,
            epoch,
            accepted_at,
            body_sha256,
            processed_at: None,
            result: None,
            error: None,
        }
    }

    /// The event's id.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.sk.0
    }
}

/// The sort key of an event: `event#<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventKey(pub EventId);

impl EventKey {
    /// What each event's sort key begins with.
    pub const PREFIX: &'static str = "event#";
}

impl From<EventKey> for String {
    fn from(key: EventKey) -> Self {
        format!("{}{}", EventKey::PREFIX, key.0)
    }
}

impl std::fmt::Display for EventKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl TryFrom<String> for EventKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let id = text.strip_prefix(Self::PREFIX).ok_or_else(|| format!("'{text}' is not the sort key of an event"))?;
        id.parse().map(Self).map_err(|error: crate::InvalidId| error.to_string())
    }
}

/// Milliseconds since the Unix epoch as RFC 3339 text, always to the millisecond, so that texts sort as times do.
#[must_use]
pub fn rfc3339(ms: u64) -> String {
    use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
    let second = DateTime::from_secs(i64::try_from(ms / 1000).unwrap_or(i64::MAX)).fmt(DateTimeFormat::DateTime);
    match second {
        Ok(text) => format!("{}.{:03}Z", text.trim_end_matches('Z'), ms % 1000),
        // Beyond the year 9999 there is no such text; a clock that far off is better shown than hidden.
        Err(_) => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str, context: Option<&str>) -> NewEvent {
        NewEvent {
            id: EventId::named("k", "1"),
            event_type: "t".parse().unwrap(),
            data: Some(data.into()),
            context: context.map(Into::into),
        }
    }

    #[test]
    fn the_fingerprint_tells_content_apart_and_nothing_else() {
        let first = event("{\"a\":1}", None);
        let renamed = NewEvent { id: EventId::named("k", "2"), ..first.clone() };
        assert_eq!(first.fingerprint(), renamed.fingerprint());
        assert_ne!(first.fingerprint(), event("{\"a\":2}", None).fingerprint());
        assert_ne!(first.fingerprint(), event("{\"a\":1}", Some("{}")).fingerprint());
        assert_eq!(first.fingerprint().len(), 64);
    }

    #[test]
    fn times_are_rfc3339_in_utc() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(u64::MAX), "18446744073709551615ms");
    }
}

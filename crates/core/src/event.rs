//! An event, as a caller sends it and as a cell stores it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{Epoch, EventId, EventType, TenantId};

/// A validated event on its way into a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// A fresh id, or one from the name that the caller gave the event.
    pub id: EventId,
    /// The type.
    pub event_type: EventType,
    /// The JSON text, exactly as it came.
    pub data: Option<String>,
    /// The caller's other CloudEvents context attributes: the text of a JSON object, absent when there are none.
    pub context: Option<String>,
}

impl NewEvent {
    /// Returns the SHA-256 over type, context and data, in hexadecimal. Two requests with the same name are the same
    /// event when it is the same, and a conflict otherwise.
    ///
    /// An attribute counts as its canonical text: a binary CloudEvent has no other form, where a structured one may say
    /// `true`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let context = self.context.as_deref().map(canonical);
        let mut hash = Sha256::new();
        for part in [Some(self.event_type.as_str()), context.as_deref(), self.data.as_deref()] {
            let part = part.unwrap_or_default();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hex(hash.finalize())
    }
}

/// Returns the context attributes with texts for values
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system>).
fn canonical(context: &str) -> Cow<'_, str> {
    if !has_types(context) {
        return Cow::Borrowed(context);
    }
    let Ok(mut attributes) = serde_json::from_str::<Map<String, Value>>(context) else {
        return Cow::Borrowed(context);
    };
    for value in attributes.values_mut().filter(|value| !value.is_string()) {
        *value = Value::String(value.to_string());
    }
    Cow::Owned(Value::Object(attributes).to_string())
}

/// Returns whether an object of bare values holds one that is not a text.
fn has_types(json: &str) -> bool {
    let (mut in_string, mut escaped) = (false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => return !in_string && (byte.is_ascii_alphanumeric() || byte == b'-'),
        }
        false
    })
}

/// The status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// The event is durable, and on its way through the pipeline.
    Accepted,
    /// The event is durable in the tenant's standby cell until the tenant's own cell is up again. It is not processed
    /// there.
    Held,
    /// The event's effects and this mark were one transaction.
    Processed,
    /// The processor refused the event for good.
    Failed,
    /// A move handed the event over to the tenant's next cell.
    Carried,
}

impl EventStatus {
    /// Returns the stored form.
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

/// An event as its item in the cell table stores it. `serde` makes the attribute names of the field names. They count
/// towards the item's size, and each KiB of an item costs a write unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The partition key.
    pub tenant_id: TenantId,
    /// The sort key, `event#<id>`.
    pub sk: EventKey,
    /// The type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The data as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The caller's other CloudEvents attributes: the text of a JSON object.
    #[serde(default, rename = "ce", skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The status.
    pub status: EventStatus,
    /// The tenant's epoch when the router accepted the event.
    pub epoch: Epoch,
    /// The time when the router accepted the event, in milliseconds since the Unix epoch.
    pub accepted_at: u64,
    /// The event's [`NewEvent::fingerprint`].
    pub body_sha256: String,
    /// The time when the event was processed, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_at: Option<u64>,
    /// The processor's result: JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The reason why the event failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl EventRecord {
    /// Returns the record of a new event.
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

    /// Returns the event's id.
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
    /// The prefix of each event's sort key.
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

/// Returns milliseconds since the Unix epoch as RFC 3339 text, always to the millisecond, so that texts sort as times
/// do.
#[must_use]
pub fn rfc3339(ms: u64) -> String {
    const DAY_MS: u64 = 86_400_000;
    // Beyond the year 9999 there is no such text. A clock that far off is better shown than hidden.
    const LAST_DAY: u64 = 2_932_896;
    let (mut days, of_day) = (ms / DAY_MS, ms % DAY_MS);
    if days > LAST_DAY {
        return format!("{ms}ms");
    }
    let mut year = 1970;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let february = days_of(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    // Each log line and each response has such a text. The formatter takes ten times the instructions of this loop.
    let mut text = String::with_capacity(24);
    for (value, digits, after) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (days + 1, 2, 'T'),
        (of_day / 3_600_000, 2, ':'),
        (of_day / 60_000 % 60, 2, ':'),
        (of_day / 1_000 % 60, 2, '.'),
        (of_day % 1_000, 3, 'Z'),
    ] {
        for place in (0..digits).rev() {
            text.push(char::from(b'0' + (value / 10_u64.pow(place) % 10) as u8));
        }
        text.push(after);
    }
    text
}

const fn days_of(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    #[test]
    fn attributes_of_one_value_in_two_types_are_the_same_content() {
        let typed = event("1", Some(r#"{"flag":true,"off":false,"number":-7,"text":"a 1 true","zero":0}"#));
        let text = event("1", Some(r#"{"flag":"true","number":"-7","off":"false","text":"a 1 true","zero":"0"}"#));
        assert_eq!(typed.fingerprint(), text.fingerprint());
        assert_ne!(typed.fingerprint(), event("1", Some(r#"{"flag":false}"#)).fingerprint());
        // A type that only appears within a text is not touched.
        assert!(!has_types(r#"{"a":"\"1 true","b\\":"x"}"#));
    }

    proptest! {
        #[test]
        fn a_time_is_the_text_that_others_make_of_it(ms in 0..253_402_300_800_000_u64) {
            use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
            let text = rfc3339(ms);
            let read = DateTime::from_str(&text, DateTimeFormat::DateTime).unwrap();
            prop_assert_eq!(read.to_millis().unwrap(), i64::try_from(ms).unwrap());
            prop_assert_eq!(text.len(), 24);
        }
    }
}

//! The message on topic and queue: a CloudEvent 1.0 in JSON, structured mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>).

use std::borrow::Cow;

use serde::de::{Error as _, IgnoredAny};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::event::rfc3339;
use crate::hex::hex;
use crate::limits::MAX_MESSAGE;
use crate::queue_text::{escape, escaped_len};
use crate::{CellId, Epoch, EventId, EventRecord, EventType, NewEvent, TenantId};

/// The context attributes that only Cellstack sets.
pub const OWN_ATTRIBUTES: [&str; 5] = ["tenantid", "cell", "epoch", ORIGIN_ID, REDRIVES];

/// The context attribute that keeps the caller's own id of its event, where Cellstack's id is another.
pub const ORIGIN_ID: &str = "originid";

/// The number of times that an event was redriven: an attribute of its item, a message attribute, and an extension attribute
/// of the CloudEvent. The message attribute survives when SQS moves a message, the extension when a function writes a letter
/// of it.
pub const REDRIVES: &str = "redrives";

/// Returns the number of times that an event was redriven before this message of it was sent: 0 for the first message, and
/// for other text.
#[must_use]
pub fn redrives(text: &str) -> u32 {
    #[derive(Deserialize)]
    struct Extension {
        redrives: u32,
    }
    serde_json::from_str::<Extension>(text).map_or(0, |extension| extension.redrives)
}

/// An event on its way from the stream to a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The tenant that owns the event.
    pub tenant: TenantId,
    /// The cell that accepted the event.
    pub cell: CellId,
    /// The tenant's epoch when the event was accepted.
    pub epoch: Epoch,
    /// The event's id.
    pub id: EventId,
    /// The event's type.
    pub event_type: EventType,
    /// The caller's `time`, else the time when the event was accepted; RFC 3339.
    pub time: String,
    /// The caller's URI reference, else `/cellstack`.
    pub source: String,
    /// The caller's own id of its CloudEvent, where `id` is another: hashed from that one, or from an
    /// `Idempotency-Key`.
    pub origin_id: Option<String>,
    /// The caller's other context attributes: the text of a JSON object.
    pub context: Option<String>,
    /// The data as JSON text.
    pub data: Option<String>,
}

/// The `source` of an event whose caller gave none.
pub const DEFAULT_SOURCE: &str = "/cellstack";

/// The most bytes of a message's frame and attributes besides type, context and data. A property test holds it.
const FRAME: usize = 1_024;

/// Returns an upper bound, in bytes, of the message that this event becomes, its message attributes included.
#[must_use]
pub fn largest_size(tenant: &TenantId, event: &NewEvent) -> usize {
    let escaped = |text: &Option<String>| text.as_deref().map_or(0, escaped_len);
    FRAME
        + 2 * tenant.as_str().len()
        + 2 * event.event_type.as_str().len()
        + escaped(&event.data)
        + escaped(&event.context)
}

/// Returns whether the message that this event becomes can be published at all.
#[must_use]
pub fn fits(tenant: &TenantId, event: &NewEvent) -> bool {
    largest_size(tenant, event) <= MAX_MESSAGE
}

/// Returns the deduplication id of an event in a FIFO topic or queue: a hash of tenant and id. Two tenants may give
/// their events the same names, and deduplication may look at all message groups together
/// (<https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html>).
#[must_use]
pub fn deduplication_id(tenant: &TenantId, event: EventId) -> String {
    let mut hash = Sha256::new();
    // The id has a fixed length, so no two pairs are the same bytes.
    hash.update(event.to_bytes());
    hash.update(tenant.as_str());
    hex(hash.finalize())
}

impl Message {
    /// Returns the message of an event that `cell` accepted.
    ///
    /// # Errors
    /// When the record's context is not a JSON object of the shape that the router writes.
    pub fn of(record: EventRecord, cell: &CellId) -> serde_json::Result<Self> {
        #[derive(Default, Deserialize)]
        struct Known {
            time: Option<String>,
            source: Option<String>,
            #[serde(rename = "originid")]
            origin_id: Option<String>,
        }
        let known: Known = record.context.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
        Ok(Self {
            cell: cell.clone(),
            epoch: record.epoch,
            id: record.id(),
            time: known.time.unwrap_or_else(|| rfc3339(record.accepted_at)),
            source: known.source.unwrap_or_else(|| DEFAULT_SOURCE.to_owned()),
            origin_id: known.origin_id,
            tenant: record.tenant_id,
            event_type: record.event_type,
            context: record.context,
            data: record.data,
        })
    }

    /// Returns the message as JSON, of characters that a queue takes.
    ///
    /// # Errors
    /// When `data` or `context` is not JSON.
    pub fn encode(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(escape)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the text is not a CloudEvent that a producer of Cellstack wrote.
    pub fn decode(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", &self.event_type)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("tenantid", &self.tenant)?;
        map.serialize_entry("cell", &self.cell)?;
        map.serialize_entry("epoch", &self.epoch)?;
        if let Some(origin_id) = &self.origin_id {
            map.serialize_entry(ORIGIN_ID, origin_id)?;
        }
        if let Some(context) = &self.context {
            for (name, value) in Members::parse(context).map_err(S::Error::custom)?.0 {
                if name != "time" && name != "source" && name != ORIGIN_ID {
                    map.serialize_entry(&name, value)?;
                }
            }
        }
        if let Some(data) = &self.data {
            let data: &RawValue = serde_json::from_str(data).map_err(S::Error::custom)?;
            map.serialize_entry("data", data)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            specversion: String,
            id: EventId,
            source: String,
            #[serde(rename = "type")]
            event_type: EventType,
            time: String,
            tenantid: TenantId,
            cell: CellId,
            epoch: Epoch,
            #[serde(default, rename = "originid")]
            origin_id: Option<String>,
            // `null` is data, too.
            #[serde(borrow, default, deserialize_with = "given")]
            data: Option<&'a RawValue>,
        }
        fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
            Deserialize::deserialize(deserializer).map(Some)
        }
        let wire = Wire::deserialize(deserializer)?;
        if wire.specversion != "1.0" {
            return Err(D::Error::custom(format!("expected specversion 1.0, found '{}'", wire.specversion)));
        }
        Ok(Self {
            tenant: wire.tenantid,
            cell: wire.cell,
            epoch: wire.epoch,
            id: wire.id,
            event_type: wire.event_type,
            time: wire.time,
            source: wire.source,
            origin_id: wire.origin_id,
            // A processor has no use for the rest yet. It stays in the cell's item and in the message itself.
            context: None,
            data: wire.data.map(|data| data.get().to_owned()),
        })
    }
}

/// The members of a JSON object in their order, with values unparsed. A name that is given twice is refused: two
/// readers of the same text must not see two different events.
pub struct Members<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// When the text is not a JSON object, or names a member twice.
    pub fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Removes a member and returns its value.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.remove(at).1)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    if members.len() >= MAX_MEMBERS {
                        map.next_value::<IgnoredAny>()?;
                        return Err(M::Error::custom(format!("expected at most {MAX_MEMBERS} members")));
                    }
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(M::Error::custom(format!("member `{}` is given twice", name.escape_debug())));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// The most members of an object: more than any event has, and few enough for a linear search.
const MAX_MEMBERS: usize = 64;

/// A member's name, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;

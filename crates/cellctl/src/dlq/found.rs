//! A letter, as it was received.

use std::collections::HashMap;

use aws_sdk_sqs::types::{Message as Received, MessageSystemAttributeName};
use cellstack_core::dead_letter::{DeadLetter, Place};
use cellstack_core::event::{EventKey, rfc3339};
use cellstack_core::message::{self, REDRIVES};
use cellstack_core::{CellId, EventId, TenantId};
use serde::{Deserialize, Serialize};

/// A letter and the queue it was received from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Found {
    /// The cell of the queue.
    #[serde(skip)]
    pub(crate) cell: CellId,
    /// The place of the queue.
    #[serde(skip)]
    pub(crate) place: Place,
    pub(crate) message_id: String,
    #[serde(skip)]
    pub(crate) receipt: String,
    /// The number of times that its event was redriven.
    pub(crate) redrives: u32,
    #[serde(flatten)]
    pub(crate) letter: DeadLetter,
}

/// The event that a letter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) tenant: TenantId,
    pub(crate) event: EventId,
}

impl Found {
    pub(crate) fn read(message: Received, cell: &CellId, place: Place) -> Self {
        let system = |name| {
            let text = message.attributes.as_ref().and_then(|attributes| attributes.get(&name));
            text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
        };
        let receives = system(MessageSystemAttributeName::ApproximateReceiveCount);
        let sent = system(MessageSystemAttributeName::SentTimestamp);
        let body = message.body.unwrap_or_default();
        let receives = u32::try_from(receives).unwrap_or(u32::MAX);
        let letter = DeadLetter::read(&body, place, cell, receives, &rfc3339(sent));
        let attribute = message.message_attributes.as_ref().and_then(|attributes| attributes.get(REDRIVES));
        let attribute = attribute.and_then(|attribute| attribute.string_value.as_deref());
        Self {
            cell: cell.clone(),
            place,
            message_id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            redrives: redrives(attribute, &letter.original),
            letter,
        }
    }

    /// Returns the event that the letter is about: as named in the letter, in its message, or in the keys of its stream
    /// record.
    pub(crate) fn subject(&self) -> Option<Subject> {
        if let (Some(tenant), Some(event)) = (&self.letter.tenant, self.letter.event) {
            return Some(Subject { tenant: tenant.clone(), event });
        }
        if let Some(message) = self.letter.message() {
            return Some(Subject { tenant: message.tenant, event: message.id });
        }
        keys(&self.letter.original)
    }
}

fn redrives(attribute: Option<&str>, original: &str) -> u32 {
    let attribute = attribute.and_then(|text| text.parse().ok()).unwrap_or_default();
    message::redrives(original).max(attribute)
}

/// Reads the event that the keys of a stream record's JSON name.
fn keys(original: &str) -> Option<Subject> {
    #[derive(Deserialize)]
    struct Record {
        dynamodb: Change,
    }
    #[derive(Deserialize)]
    struct Change {
        #[serde(rename = "Keys")]
        keys: HashMap<String, Text>,
    }
    #[derive(Deserialize)]
    struct Text {
        #[serde(rename = "S")]
        text: String,
    }
    let record: Record = serde_json::from_str(original).ok()?;
    let text = |name: &str| record.dynamodb.keys.get(name).map(|key| key.text.clone());
    let tenant = text("tenant_id")?.parse().ok()?;
    let EventKey(event) = text("sk")?.try_into().ok()?;
    Some(Subject { tenant, event })
}

#[cfg(test)]
pub(crate) mod tests {
    use cellstack_core::dead_letter::{Reason, VERSION};

    use super::*;

    const MESSAGE: &str = r#"{"specversion":"1.0","id":"019b76da-a800-7000-8000-000000000004","source":"/cellstack",
        "type":"t","time":"2026-01-01T00:00:00.000Z","tenantid":"acme","cell":"alpha","epoch":1,"redrives":2}"#;

    pub(crate) fn found(place: Place, reason: Reason) -> Found {
        let cell: CellId = "alpha".parse().unwrap();
        let message: Received = Received::builder().body(MESSAGE).message_id("m").receipt_handle("r").build();
        let mut found = Found::read(message, &cell, place);
        assert_eq!(found.letter.dead_letter, VERSION);
        found.letter.reason = reason;
        found
    }

    #[test]
    fn the_count_of_redrives_is_the_higher_of_the_two_it_is_kept_in() {
        assert_eq!(found(Place::Queue, Reason::Refused).redrives, 2);
        assert_eq!(redrives(Some("3"), MESSAGE), 3);
        assert_eq!(redrives(Some("1"), MESSAGE), 2);
        assert_eq!(redrives(Some("many"), r#"{"redrives":"many"}"#), 0);
        assert_eq!(redrives(None, "nonsense"), 0);
    }

    #[test]
    fn a_letter_names_its_event_in_one_of_three_ways() {
        let mut letter = found(Place::Stream, Reason::Undecodable);
        let expected = letter.subject().unwrap();
        (letter.letter.tenant, letter.letter.event) = (None, None);
        assert_eq!(letter.subject().unwrap(), expected);
        letter.letter.original = r#"{"eventName":"INSERT","dynamodb":{"NewImage":{"status":{"N":"1"}},
            "Keys":{"tenant_id":{"S":"acme"},"sk":{"S":"event#019b76da-a800-7000-8000-000000000004"}}}}"#
            .to_owned();
        assert_eq!(letter.subject().unwrap(), expected);
        letter.letter.original = letter.letter.original.replace("event#", "total#");
        assert_eq!(letter.subject(), None);
    }
}

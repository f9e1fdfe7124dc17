//! Messages, their attributes, and the digests that clients check.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// A message attribute; `BinaryValue` stays base64 as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AttributeValue {
    #[serde(rename = "DataType")]
    pub(crate) data_type: String,
    #[serde(rename = "StringValue", default, skip_serializing_if = "Option::is_none")]
    pub(crate) string: Option<String>,
    #[serde(rename = "BinaryValue", default, skip_serializing_if = "Option::is_none")]
    pub(crate) binary: Option<String>,
}

pub(crate) type Attributes = BTreeMap<String, AttributeValue>;

/// A message as its sender hands it over.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Send {
    pub(crate) body: Arc<str>,
    pub(crate) attributes: Attributes,
    pub(crate) trace_header: Option<String>,
    pub(crate) delay_seconds: Option<u32>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    /// The number under which its delivery is kept on disk until it is finished.
    #[serde(skip)]
    pub(crate) kept: Option<i64>,
}

/// The receipt that a sender gets.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) message_id: Arc<str>,
    pub(crate) md5_of_body: String,
    pub(crate) md5_of_attributes: Option<String>,
    pub(crate) sequence_number: Option<String>,
}

/// A message in a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: Arc<str>,
    pub(crate) body: Arc<str>,
    pub(crate) md5_of_body: Arc<str>,
    pub(crate) attributes: Arc<Attributes>,
    pub(crate) md5_of_attributes: Option<Arc<str>>,
    pub(crate) trace_header: Option<Arc<str>>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) deduplication: Option<Arc<str>>,
    pub(crate) sequence: Option<u64>,
    pub(crate) sent_ms: u64,
    pub(crate) first_received_ms: Option<u64>,
    pub(crate) receive_count: u32,
    /// ARN of the queue it came from, once it is in a dead-letter queue.
    pub(crate) dead_letter_source: Option<Arc<str>>,
    pub(super) state: Position,
}

/// The state of a message in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Position {
    Ready,
    /// Not receivable before this time.
    Delayed(u64),
    /// Received and hidden until this time, with the receipt that may delete it.
    InFlight {
        until: u64,
        first_receipt_at: u64,
    },
}

/// A message as handed to a receiver.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) message: Message,
    pub(crate) slot: u64,
    pub(crate) receipt: u64,
    pub(crate) receipt_handle: String,
}

impl Received {
    /// Returns the time at which the message becomes visible again unless it is deleted.
    pub(crate) fn visible_at(&self) -> u64 {
        match self.message.state {
            Position::InFlight { until, .. } => until,
            _ => 0,
        }
    }
}

impl Message {
    /// Returns the sequence number in a FIFO queue: 20 digits that grow.
    pub(crate) fn sequence_number(&self) -> Option<String> {
        self.sequence.map(sequence_number)
    }

    /// Returns the system attributes as `ReceiveMessage` and Lambda name them.
    pub(crate) fn system_attributes(&self, account: &str) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SentTimestamp", self.sent_ms.to_string()),
            ("SenderId", account.to_string()),
        ];
        let first = self.first_received_ms.unwrap_or(self.sent_ms);
        all.push(("ApproximateFirstReceiveTimestamp", first.to_string()));
        let optional = [
            ("MessageGroupId", &self.group),
            ("MessageDeduplicationId", &self.deduplication),
            ("AWSTraceHeader", &self.trace_header),
            ("DeadLetterQueueSourceArn", &self.dead_letter_source),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                all.push((name, value.to_string()));
            }
        }
        if let Some(number) = self.sequence_number() {
            all.push(("SequenceNumber", number));
        }
        all
    }
}

pub(super) fn sequence_number(sequence: u64) -> String {
    (18_850_000_000_000_000_000u128 + u128::from(sequence) * 256).to_string()
}

pub(crate) fn receipt_handle(slot: u64, receipt: u64, queue: &str) -> String {
    STANDARD.encode(format!("{slot}:{receipt}:{queue}"))
}

/// Returns the slot and receipt of a handle, if it is one of this queue.
pub(super) fn parse_receipt_handle(handle: &str, queue: &str) -> Result<(u64, u64), ApiError> {
    let parse = || {
        let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let mut parts = text.splitn(3, ':');
        let (slot, receipt) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (parts.next()? == queue).then_some((slot, receipt))
    };
    parse().ok_or_else(|| {
        ApiError::sender(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}

pub(super) fn md5_hex(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

/// Returns the digest of message attributes, as clients recompute it.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
pub(super) fn md5_of_attributes(attributes: &Attributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut context = md5::Context::new();
    let field = |bytes: &[u8], context: &mut md5::Context| {
        context.consume((bytes.len() as u32).to_be_bytes());
        context.consume(bytes);
    };
    for (name, value) in attributes {
        field(name.as_bytes(), &mut context);
        field(value.data_type.as_bytes(), &mut context);
        match (&value.string, &value.binary) {
            (Some(text), _) => {
                context.consume([1]);
                field(text.as_bytes(), &mut context);
            }
            (None, binary) => {
                context.consume([2]);
                let bytes = binary.as_deref().map(|b| STANDARD.decode(b).unwrap_or_default());
                field(&bytes.unwrap_or_default(), &mut context);
            }
        }
    }
    Some(format!("{:x}", context.compute()))
}

/// Returns the bytes that a message counts with: its body and, for each attribute, name, type and value.
pub(crate) fn size(body: &str, attributes: &Attributes) -> usize {
    let attribute = |(name, value): (&String, &AttributeValue)| {
        name.len()
            + value.data_type.len()
            + value.string.as_ref().map_or(0, String::len)
            + value.binary.as_ref().map_or(0, |b| b.len() / 4 * 3)
    };
    body.len() + attributes.iter().map(attribute).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_clients_compute() {
        assert_eq!(md5_hex(b"hello"), "5d41402abc4b2a76b9719d911017c592");
        // Computed by another program from the documentation's description.
        let attribute = |data_type: &str, string: Option<&str>, binary: Option<&str>| AttributeValue {
            data_type: data_type.into(),
            string: string.map(Into::into),
            binary: binary.map(Into::into),
        };
        let two: Attributes = [
            ("raw".to_string(), attribute("Binary", None, Some("AAEC"))),
            ("kind".to_string(), attribute("String", Some("order.placed"), None)),
        ]
        .into();
        assert_eq!(md5_of_attributes(&two).as_deref(), Some("7ce42c528de8c4a085f9ddb772e70489"));
        assert_eq!(md5_of_attributes(&Attributes::new()), None);
    }

    #[test]
    fn handles_belong_to_their_queue() {
        let handle = receipt_handle(7, 9, "q");
        assert_eq!(parse_receipt_handle(&handle, "q").unwrap(), (7, 9));
        assert!(parse_receipt_handle(&handle, "other").is_err());
        assert!(parse_receipt_handle("nonsense", "q").is_err());
    }
}

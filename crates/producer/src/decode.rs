//! What a stream record asks for.

use aws_lambda_events::event::dynamodb::EventRecord as StreamRecord;
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::event::EventKey;
use cellstack_core::{CellId, EventId, EventRecord, EventStatus, EventType, Message, TenantId};
use serde::Deserialize;
use serde_dynamo::AttributeValue;
use serde_json::value::RawValue;

/// An invocation event, its records unread: one that can't be read must not keep its neighbours from being read, and goes
/// into quarantine as it came.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The records, in order.
    #[serde(rename = "Records")]
    pub records: Vec<Box<RawValue>>,
}

/// What is known of a record even when it can't be read as an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// What a partial batch response names it by.
    pub(crate) sequence: Option<String>,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) event: Option<EventId>,
}

impl Origin {
    /// Looks at the record's keys and sequence number, each on its own.
    pub(crate) fn of(record: &RawValue) -> Self {
        let record: serde_json::Value = serde_json::from_str(record.get()).unwrap_or_default();
        let change = &record["dynamodb"];
        let key = |name: &str| change["Keys"][name]["S"].as_str();
        Self {
            sequence: change["SequenceNumber"].as_str().map(ToOwned::to_owned),
            tenant: key(TENANT_ID).and_then(|tenant| tenant.parse().ok()),
            event: key(SORT_KEY).and_then(|key| key.strip_prefix(EventKey::PREFIX)).and_then(|id| id.parse().ok()),
        }
    }
}

/// A message ready for the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Message attribute `tenantid`.
    pub(crate) tenant: TenantId,
    /// Message attribute `type`.
    pub(crate) event_type: EventType,
    /// What tells a repeat in a FIFO topic.
    pub(crate) id: EventId,
    /// The encoded CloudEvent.
    pub(crate) body: String,
}

impl Outgoing {
    fn of(message: Message) -> Result<Self, String> {
        let body = message.encode().map_err(|error| error.to_string())?;
        Ok(Self { tenant: message.tenant, event_type: message.event_type, id: message.id, body })
    }

    /// What it counts towards a batch: its body and the names, types and values of its attributes.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + "typeStringtenantidString".len() + self.event_type.as_str().len() + self.tenant.as_str().len()
    }
}

/// What to do with a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A new event: publish it.
    Publish(Outgoing),
    /// Anything else that may stand on the stream: what the consumer writes, copies, fences, TTL deletions.
    Ignore,
    /// It should be a new event and can't be read as one.
    Undecodable(String),
}

/// Decides on a record. The mapping's filter lets new events through and nothing else; a mapping without it, or with
/// a wrong one, must not make the cell's own writes into events again, so the same is checked here.
pub(crate) fn decide(record: &RawValue, cell: &CellId) -> Decision {
    let record: StreamRecord = match serde_json::from_str(record.get()) {
        Ok(record) => record,
        Err(error) => return Decision::Undecodable(format!("no stream record: {error}")),
    };
    if record.event_name != "INSERT" {
        return Decision::Ignore;
    }
    let image = &record.change.new_image;
    let text = |name: &str| match image.get(name) {
        Some(AttributeValue::S(text)) => Some(text.as_str()),
        _ => None,
    };
    if !text(SORT_KEY).is_some_and(|key| key.starts_with(EventKey::PREFIX)) {
        return Decision::Ignore;
    }
    if text("status") != Some(EventStatus::Accepted.as_str()) {
        return Decision::Ignore;
    }
    let message = serde_dynamo::from_item::<_, EventRecord>(image.clone())
        .map_err(|error| error.to_string())
        .and_then(|event| Message::of(event, cell).map_err(|error| error.to_string()))
        .and_then(Outgoing::of);
    match message {
        Ok(message) => Decision::Publish(message),
        Err(reason) => Decision::Undecodable(reason),
    }
}

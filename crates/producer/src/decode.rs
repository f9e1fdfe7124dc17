//! What a stream record asks for.

use aws_lambda_events::event::dynamodb::EventRecord as StreamRecord;
use cellstack_core::cell_table::SORT_KEY;
use cellstack_core::event::EventKey;
use cellstack_core::{CellId, EventRecord, EventStatus, EventType, Message, TenantId};
use serde_dynamo::AttributeValue;

/// A message ready for the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Message attribute `tenantid`.
    pub(crate) tenant: TenantId,
    /// Message attribute `type`.
    pub(crate) event_type: EventType,
    /// The encoded CloudEvent.
    pub(crate) body: String,
}

impl Outgoing {
    fn of(message: Message) -> Result<Self, String> {
        let body = message.encode().map_err(|error| error.to_string())?;
        Ok(Self { tenant: message.tenant, event_type: message.event_type, body })
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
pub(crate) fn decide(record: &StreamRecord, cell: &CellId) -> Decision {
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

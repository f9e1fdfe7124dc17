//! Decisions on stream records.

use aws_lambda_events::event::dynamodb::EventRecord as StreamRecord;
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::event::EventKey;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{CellId, EventId, EventRecord, EventStatus, EventType, Message, TenantId};
use serde::Deserialize;
use serde_dynamo::AttributeValue;
use serde_json::value::RawValue;

/// An event of a Lambda invocation, its records not yet parsed. A record that can't be read must not stop its
/// neighbours, and goes into quarantine as it came.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The records, in order.
    #[serde(rename = "Records")]
    pub records: Vec<Box<RawValue>>,
}

/// The part of a record that is known even when it can't be read as an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The sequence number, which names the record in a partial batch response.
    pub(crate) sequence: Option<String>,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) event: Option<EventId>,
}

impl Origin {
    /// Reads the record's keys and sequence number, each on its own.
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
    /// The message attribute `tenantid`.
    pub(crate) tenant: TenantId,
    /// The message attribute `type`.
    pub(crate) event_type: EventType,
    /// The event's id, from which a FIFO topic's deduplication id is derived.
    pub(crate) id: EventId,
    /// The encoded CloudEvent.
    pub(crate) body: String,
}

impl Outgoing {
    fn of(message: Message) -> Result<Self, String> {
        let body = message.encode().map_err(|error| error.to_string())?;
        Ok(Self { tenant: message.tenant, event_type: message.event_type, id: message.id, body })
    }

    /// Returns the bytes that count towards a batch: the body and the names, types and values of the attributes.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + "typeStringtenantidString".len() + self.event_type.as_str().len() + self.tenant.as_str().len()
    }
}

/// A decision on a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The record is a new event: publish it.
    Publish(Outgoing),
    /// The record is another write on the stream: the consumer's, a copy, a fence, a TTL deletion.
    Ignore,
    /// The record should be a new event and can't be read as one.
    Undecodable(String),
}

/// Decides on a record. The mapping's filter lets only new events through. A mapping without it, or with a wrong one,
/// must not turn the cell's own writes into events again, so the same check is made here.
pub(crate) fn decide(record: &RawValue, cell: &CellId) -> Decision {
    let record: StreamRecord = match serde_json::from_str(record.get()) {
        Ok(record) => record,
        Err(error) => return Decision::Undecodable(format!("not a stream record: {error}")),
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
    if text("status") != Some(EventStatus::Accepted.as_str()) && !is_planted(Mutation::HeldIsPublished) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "019b76da-a800-7000-8000-000000000001";

    /// Returns a record of a new event.
    fn record() -> Value {
        json!({
            "eventID": "1", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/cellstack-cell-alpha/stream/1",
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": "100", "SizeBytes": 1,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
                "Keys": { "tenant_id": { "S": "acme" }, "sk": { "S": format!("event#{ID}") } },
                "NewImage": {
                    "tenant_id": { "S": "acme" }, "sk": { "S": format!("event#{ID}") }, "type": { "S": "t" },
                    "status": { "S": "accepted" }, "epoch": { "N": "1" }, "accepted_at": { "N": "0" },
                    "body_sha256": { "S": "" }, "data": { "S": "{\"a\":1}" },
                },
            },
        })
    }

    fn decided(record: &Value) -> Decision {
        decide(&serde_json::value::to_raw_value(record).unwrap(), &"alpha".parse().unwrap())
    }

    #[test]
    fn a_new_event_is_published_and_nothing_else_is() {
        let Decision::Publish(message) = decided(&record()) else { panic!("{:?}", decided(&record())) };
        let decoded = Message::decode(&message.body).unwrap();
        assert_eq!((decoded.id.to_string().as_str(), decoded.tenant.as_str()), (ID, "acme"));
        assert_eq!(decoded.data.as_deref(), Some(r#"{"a":1}"#));

        let with = |path: &str, value: Value| {
            let mut record = record();
            *record.pointer_mut(path).unwrap() = value;
            decided(&record)
        };
        let image = "/dynamodb/NewImage";
        // The consumer's and the mover's writes, and expired items.
        for event in ["MODIFY", "REMOVE"] {
            assert_eq!(with("/eventName", json!(event)), Decision::Ignore, "{event}");
        }
        // Copies arrive with their final status; a standby's events are held.
        for status in ["held", "processed", "failed", "carried", "unheard-of"] {
            assert_eq!(with(&format!("{image}/status/S"), json!(status)), Decision::Ignore, "{status}");
        }
        // Totals, fences, and a processor's own items.
        for key in ["total#t", "fence#0", "fence", "stock", ""] {
            assert_eq!(with(&format!("{image}/sk/S"), json!(key)), Decision::Ignore, "{key}");
        }
        for (path, value) in [("/sk/S", json!("event#1")), ("/epoch", json!({ "S": "1" })), ("/data/S", json!("{"))] {
            let decision = with(&format!("{image}{path}"), value);
            assert!(matches!(decision, Decision::Undecodable(_)), "{path}: {decision:?}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_is_known_by_what_can() {
        let mut record = record();
        record["dynamodb"]["NewImage"] = json!(7);
        assert!(matches!(decided(&record), Decision::Undecodable(_)));
        let origin = Origin::of(&serde_json::value::to_raw_value(&record).unwrap());
        let (sequence, tenant) = (Some("100".to_owned()), Some("acme".parse().unwrap()));
        assert_eq!(origin, Origin { sequence, tenant, event: Some(ID.parse().unwrap()) });
        assert_eq!(Origin::of(&serde_json::value::to_raw_value(&json!([])).unwrap()), Origin::default());
    }

    /// Returns any JSON.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            proptest::sample::select(vec!["accepted", "held", "event#", "event#1", "INSERT", "S", "N"])
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let name = proptest::sample::select(vec!["S", "N", "M", "L", "B", "BOOL", "x"]);
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((name, inner), 0..4).prop_map(|members| {
                    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_stands_where_in_a_record_it_is_decided_on(
            path in proptest::sample::select(vec![
                "", "/eventName", "/dynamodb", "/dynamodb/Keys", "/dynamodb/Keys/sk", "/dynamodb/SequenceNumber",
                "/dynamodb/NewImage", "/dynamodb/NewImage/tenant_id", "/dynamodb/NewImage/sk", "/dynamodb/NewImage/sk/S",
                "/dynamodb/NewImage/type/S", "/dynamodb/NewImage/status", "/dynamodb/NewImage/status/S",
                "/dynamodb/NewImage/epoch/N", "/dynamodb/NewImage/data", "/dynamodb/NewImage/data/S",
            ]),
            value in value(),
        ) {
            let mut record = record();
            *record.pointer_mut(path).unwrap() = value;
            let accepted = record["dynamodb"]["NewImage"]["status"]["S"] == "accepted";
            let new = record["eventName"] == "INSERT";
            let decision = decided(&record);
            Origin::of(&serde_json::value::to_raw_value(&record).unwrap());
            prop_assert!(!matches!(decision, Decision::Publish(_)) || (accepted && new), "{decision:?}");
        }
    }
}

//! The lines of an export. Each is a JSON object with its `kind`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow};
use cellstack_core::cell_table::{Item, SORT_KEY, TENANT_ID};
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, Epoch, EventId, EventRecord, EventStatus, EventType, RouteState, TenantId};
use cellstack_store::partition::Kind;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The name of the format, in the first line.
pub(crate) const FORMAT: &str = "cellstack-tenant-export";
/// The version of the format.
pub(crate) const VERSION: u32 = 1;
/// The kind of the first line.
pub(crate) const HEADER: &str = "header";
/// The kind of the last line.
pub(crate) const END: &str = "end";

/// The first line: the origin of the export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) tenant: TenantId,
    pub(crate) cell: CellId,
    pub(crate) state: RouteState,
    pub(crate) epoch: Epoch,
    pub(crate) at: String,
    pub(crate) operator: String,
}

/// The last line: what was before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) kind: String,
    /// The number of items by kind.
    pub(crate) counts: BTreeMap<String, u64>,
    /// The SHA-256 over all lines before this one, with their line feeds.
    pub(crate) sha256: String,
}

/// An event, with the names that the API has for its fields.
#[derive(Serialize)]
struct EventLine<'a> {
    kind: Kind,
    cell: &'a CellId,
    id: EventId,
    r#type: &'a EventType,
    status: EventStatus,
    epoch: Epoch,
    accepted_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    processed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Any other item: its attributes as DynamoDB's own JSON has them, which names each type.
#[derive(Serialize)]
struct ItemLine<'a> {
    kind: Kind,
    cell: &'a CellId,
    key: &'a str,
    attributes: BTreeMap<&'a str, serde_json::Value>,
}

/// Returns the line of an item of a cell, with its kind, or `None` if the item is not the tenant's data.
///
/// # Errors
/// Fails if the item has no sort key.
pub(crate) fn line(cell: &CellId, item: &Item) -> Result<Option<(Kind, String)>> {
    let key = item.get(SORT_KEY).and_then(|key| key.as_s().ok());
    let key = key.ok_or_else(|| anyhow!("an item in cell {cell} has no sort key; expected a text"))?;
    let kind = Kind::of(key);
    if !kind.is_data() {
        return Ok(None);
    }
    if kind == Kind::Event
        && let Some(line) = event(cell, item)
    {
        return Ok(Some((kind, line)));
    }
    // An event that no version of the router wrote is kept as it is stored.
    let kind = if kind == Kind::Event { Kind::Other } else { kind };
    let attributes = item.iter().filter(|(name, _)| ![TENANT_ID, SORT_KEY].contains(&name.as_str()));
    let attributes = attributes.map(|(name, value)| {
        let value = serde_json::to_value(serde_dynamo::AttributeValue::from(value.clone()));
        value.map(|value| (name.as_str(), value)).with_context(|| format!("write {name} of {key} in cell {cell}"))
    });
    let attributes = attributes.collect::<Result<_>>()?;
    Ok(Some((kind, serde_json::to_string(&ItemLine { kind, cell, key, attributes })?)))
}

fn event(cell: &CellId, item: &Item) -> Option<String> {
    let record: EventRecord = serde_dynamo::from_item(item.clone()).ok()?;
    let line = EventLine {
        kind: Kind::Event,
        cell,
        id: record.id(),
        r#type: &record.event_type,
        status: record.status,
        epoch: record.epoch,
        accepted_at: rfc3339(record.accepted_at),
        processed_at: record.processed_at.map(rfc3339),
        context: raw(record.context.as_deref()).ok()?,
        data: raw(record.data.as_deref()).ok()?,
        result: raw(record.result.as_deref()).ok()?,
        error: record.error.as_deref(),
    };
    serde_json::to_string(&line).ok()
}

/// Returns JSON text as it is, on one line: no string of JSON holds a line break, so each is white space.
fn raw(text: Option<&str>) -> serde_json::Result<Option<Box<RawValue>>> {
    text.map(|text| RawValue::from_string(text.replace(['\n', '\r'], " "))).transpose()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    use cellstack_core::NewEvent;
    use cellstack_core::cell_table::number;
    use serde_json::{Value, json};

    use super::*;

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    fn of(item: &Item) -> (Kind, Value) {
        let (kind, line) = line(&"alpha".parse().unwrap(), item).unwrap().unwrap();
        assert!(!line.contains('\n'), "{line}");
        (kind, serde_json::from_str(&line).unwrap())
    }

    fn stored(data: &str) -> Item {
        let id = "019b76da-a800-7000-8000-000000000004".parse().unwrap();
        let context = Some(r#"{"subject":"s"}"#.to_owned());
        let event = NewEvent { id, event_type: "order".parse().unwrap(), data: Some(data.to_owned()), context };
        serde_dynamo::to_item(EventRecord::accepted("acme".parse().unwrap(), event, Epoch(3), 1_700_000_000_123))
            .unwrap()
    }

    #[test]
    fn an_event_has_its_data_as_it_came() {
        let mut item = stored("{\r\n \"amount\": 0.10000000000000000000001}");
        item.insert("result".to_owned(), text("{\"ok\":true}"));
        item.insert("processed_at".to_owned(), number(1_700_000_001_000));
        let (kind, line) = of(&item);
        let expected = json!({"kind": "event", "cell": "alpha", "id": "019b76da-a800-7000-8000-000000000004", "type": "order",
            "status": "accepted", "epoch": 3, "accepted_at": "2023-11-14T22:13:20.123Z",
            "processed_at": "2023-11-14T22:13:21.000Z", "context": {"subject": "s"},
            "data": {"amount": 0.1}, "result": {"ok": true}});
        assert_eq!((kind, line), (Kind::Event, expected));
        let (_, text) = super::line(&"alpha".parse().unwrap(), &item).unwrap().unwrap();
        assert!(text.contains(r#""data":{   "amount": 0.10000000000000000000001}"#), "{text}");
    }

    #[test]
    fn an_event_that_no_router_wrote_is_kept_as_it_is_stored() {
        let (kind, line) = of(&stored("not JSON"));
        assert_eq!((kind, &line["attributes"]["data"]), (Kind::Other, &json!({"S": "not JSON"})));
        assert_eq!(line["key"], "event#019b76da-a800-7000-8000-000000000004");
    }

    #[test]
    fn every_type_of_attribute_comes_through() {
        let list = AttributeValue::L(vec![text("a"), AttributeValue::Null(true)]);
        let map = AttributeValue::M([("inner".to_owned(), AttributeValue::Bool(false))].into());
        let item: Item = [
            ("tenant_id", text("acme")),
            ("sk", text("total#order")),
            ("number", AttributeValue::N("123456789012345678901234567890.5".to_owned())),
            ("bytes", AttributeValue::B(Blob::new([0, 255]))),
            ("list", list),
            ("map", map),
            ("texts", AttributeValue::Ss(vec!["a".to_owned()])),
            ("numbers", AttributeValue::Ns(vec!["1".to_owned()])),
            ("blobs", AttributeValue::Bs(vec![Blob::new([1])])),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let expected = json!({"kind": "total", "cell": "alpha", "key": "total#order", "attributes": {
            "number": {"N": "123456789012345678901234567890.5"}, "bytes": {"B": "AP8="},
            "list": {"L": [{"S": "a"}, {"NULL": true}]}, "map": {"M": {"inner": {"BOOL": false}}},
            "texts": {"SS": ["a"]}, "numbers": {"NS": ["1"]}, "blobs": {"BS": ["AQ=="]}}});
        assert_eq!(of(&item), (Kind::Total, expected));
    }

    #[test]
    fn what_belongs_to_the_cell_has_no_line() {
        for key in ["fence#0", "journal#1"] {
            let item = Item::from([("sk".to_owned(), text(key))]);
            assert!(line(&"alpha".parse().unwrap(), &item).unwrap().is_none(), "{key}");
        }
        assert!(line(&"alpha".parse().unwrap(), &Item::new()).unwrap_err().to_string().contains("has no sort key"));
    }
}

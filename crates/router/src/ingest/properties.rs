//! The property that an accepted event can be published and arrives unchanged.

use cellstack_core::{Epoch, EventRecord, Message, SystemClock};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::tests::{STRUCTURED, take};
use super::{Ingested, Kind, read};

/// Returns the message as a producer makes it of an accepted event, and as a consumer reads it.
fn travel(ingest: Ingested) -> (Message, Message) {
    let record = EventRecord::accepted("acme".parse().unwrap(), ingest.event, Epoch::FIRST, 1_700_000_000_000);
    let sent = Message::of(record, &"alpha".parse().unwrap()).unwrap();
    let received = Message::decode(&sent.encode().unwrap()).unwrap();
    (sent, received)
}

#[test]
fn as_many_attributes_as_are_taken_can_be_published() {
    let names: Vec<String> = (0..60).map(|number| format!("ce-x{number}")).collect();
    let mut map = HeaderMap::new();
    for (name, value) in [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")] {
        map.insert(name, HeaderValue::from_static(value));
    }
    for name in &names {
        map.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_static("v"));
    }
    let full = read(&map, b"{}", &SystemClock::new()).unwrap();
    let (sent, received) = travel(full);
    assert_eq!(received, Message { context: None, ..sent });
    map.insert("ce-onemore", HeaderValue::from_static("v"));
    assert_eq!(read(&map, b"{}", &SystemClock::new()).unwrap_err().kind, Kind::InvalidEvent);
}

/// Escapes the two characters that a queue refuses, as they travel.
fn escaped(data: &str) -> String {
    data.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// Generates JSON of any shape.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Encodes a header's value as the binding requires since version 1.0.1.
fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Encodes a header's value as older senders do: in quotes, so that spaces and quotes need no percent sign.
fn quote(text: &str) -> String {
    const ENCODED: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b' ').remove(b'"').remove(b'\\').remove(b'/');
    let text = percent_encoding::utf8_percent_encode(text, ENCODED).to_string();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Generates a value that a structured event may have as an attribute.
fn attribute_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        attribute_text().prop_map(Into::into),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into)
    ]
}

/// Generates a text that CloudEvents allows as an attribute.
fn attribute_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| format!("x{}", text.replace(char::is_control, "")))
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        body in any::<Vec<u8>>(),
        mode in prop_oneof![Just("application/json"), Just("application/cloudevents+json"), Just("")],
        binary in any::<bool>(),
    ) {
        let mut headers = vec![("content-type", mode)];
        if binary {
            headers.extend([("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")]);
        }
        let _ = take(&headers, body);
    }

    #[test]
    fn what_is_taken_as_a_plain_event_arrives_as_it_came(data in any_json(), event_type in "[A-Za-z0-9._:/-]{1,128}") {
        let data = data.to_string();
        let ingest = take(&[], format!(r#"{{"type":"{event_type}","data":{data}}}"#)).unwrap();
        let (sent, received) = travel(ingest);
        prop_assert_eq!(received.event_type.as_str(), event_type);
        prop_assert_eq!(received.data, Some(escaped(&data)));
        prop_assert_eq!(received.source, sent.source);
    }

    /// C5: in either form it is one event, and a repeat in the other form is not a conflict.
    #[test]
    fn a_cloudevent_is_the_same_in_both_forms_and_arrives(
        data in prop::option::of(any_json()),
        id in attribute_text(),
        source in attribute_text(),
        subject in prop::option::of(attribute_text()),
        extensions in prop::collection::btree_map("x[a-z0-9]{0,6}", attribute_value(), 0..4),
        content_type in prop_oneof![
            Just(None), Just(Some("application/json")), Just(Some("application/vnd.shop+json; v=1")),
        ],
        quoted in any::<bool>(),
    ) {
        let mut members = json!({ "specversion": "1.0", "id": id, "source": source, "type": "t" });
        let mut attributes = vec![("ce-id".to_owned(), id), ("ce-source".to_owned(), source)];
        if let Some(subject) = subject {
            members["subject"] = subject.clone().into();
            attributes.push(("ce-subject".to_owned(), subject));
        }
        for (name, value) in extensions {
            // A header can hold only the canonical text of a value.
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            attributes.push((format!("ce-{name}"), text));
            members[name] = value;
        }
        if let Some(content_type) = content_type {
            members["datacontenttype"] = content_type.into();
        }
        if let Some(data) = &data {
            members["data"] = data.clone();
        }
        let structured = take(&[STRUCTURED], members.to_string()).unwrap();

        let mut headers = HeaderMap::new();
        for (name, value) in [("ce-specversion", Some("1.0")), ("ce-type", Some("t")), ("content-type", content_type)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        for (name, text) in attributes {
            let value = if quoted { quote(&text) } else { encode(&text) };
            headers.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        let body = data.map_or_else(String::new, |data| format!(" {data}\n"));
        let binary = read(&headers, body.as_bytes(), &SystemClock::new()).unwrap();
        prop_assert_eq!(structured.event.id, binary.event.id);
        prop_assert_eq!(structured.event.fingerprint(), binary.event.fingerprint());
        let (sent, received) = travel(structured);
        prop_assert_eq!(received, Message { context: None, data: sent.data.as_deref().map(escaped), ..sent });
    }

    #[test]
    fn whatever_members_are_taken_can_be_published(
        members in prop::collection::vec(("[a-z0-9_]{0,12}", any_json()), 0..8),
    ) {
        let mut text = r#"{"type":"t","specversion":"1.0","id":"1","source":"s""#.to_owned();
        for (name, value) in members {
            text.push_str(&format!(r#","{name}":{value}"#));
        }
        text.push('}');
        if let Ok(ingest) = take(&[STRUCTURED], &text) {
            let (sent, received) = travel(ingest);
            prop_assert_eq!(received.id, sent.id);
        }
    }
}

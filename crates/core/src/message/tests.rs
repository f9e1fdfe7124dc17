use proptest::prelude::*;

use super::*;
use crate::queue_text::is_allowed;

fn record(data: Option<&str>, context: Option<&str>) -> EventRecord {
    let event = NewEvent {
        id: EventId::named("k", "1"),
        event_type: "order.placed".parse().unwrap(),
        data: data.map(Into::into),
        context: context.map(Into::into),
    };
    EventRecord::accepted("acme".parse().unwrap(), event, Epoch(3), 1_700_000_000_000)
}

#[test]
fn a_record_becomes_a_cloudevent_and_comes_back() {
    let record = record(Some(r#"{"amount":42.10, "x":"\u00e9"}"#), Some(r#"{"source":"/shop","subject":"s"}"#));
    let message = Message::of(record, &"alpha".parse().unwrap()).unwrap();
    let text = message.encode().unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["specversion"], "1.0");
    assert_eq!(json["source"], "/shop");
    assert_eq!(json["subject"], "s");
    assert_eq!(json["tenantid"], "acme");
    assert_eq!(json["cell"], "alpha");
    assert_eq!(json["epoch"], 3);
    assert_eq!(json["time"], "2023-11-14T22:13:20.000Z");
    assert!(text.contains(r#""data":{"amount":42.10, "x":"\u00e9"}"#), "data passes through unparsed: {text}");

    let back = Message::decode(&text).unwrap();
    assert_eq!(back, Message { context: None, ..message });
}

#[test]
fn characters_that_a_queue_refuses_are_escaped() {
    let message = Message::of(record(Some("\"a\u{ffff}b\u{fffe}\""), None), &"alpha".parse().unwrap()).unwrap();
    let text = message.encode().unwrap();
    assert!(!text.contains(['\u{ffff}', '\u{fffe}']), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["data"], "a\u{ffff}b\u{fffe}");
}

#[test]
fn the_id_that_a_caller_gave_travels_to_the_processor() {
    let context = r#"{"originid":"o-1\"","source":"/shop"}"#;
    let message = Message::of(record(None, Some(context)), &"alpha".parse().unwrap()).unwrap();
    let text = message.encode().unwrap();
    assert_eq!(text.matches("originid").count(), 1, "{text}");
    let back = Message::decode(&text).unwrap();
    assert_eq!(back.origin_id.as_deref(), Some("o-1\""));
    // A message that is sent again without its context still has the id.
    assert_eq!(Message::decode(&back.encode().unwrap()).unwrap(), back);
}

#[test]
fn a_deduplication_id_is_one_per_tenant_and_event() {
    let tenant = |id: &str| id.parse::<TenantId>().unwrap();
    let (one, other) = (EventId::named("k", "1"), EventId::named("k", "2"));
    let id = deduplication_id(&tenant("acme"), one);
    assert_eq!(id, deduplication_id(&tenant("acme"), one));
    assert_ne!(id, deduplication_id(&tenant("globex"), one));
    assert_ne!(id, deduplication_id(&tenant("acme"), other));
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
}

#[test]
fn a_member_given_twice_is_refused() {
    assert!(Members::parse(r#"{"a":1,"b":2}"#).is_ok());
    let error = Members::parse(r#"{"a":1,"\u0061":2}"#).err().unwrap().to_string();
    assert!(error.contains("`a` is given twice"), "{error}");
}

/// Returns texts in which characters that queues refuse are frequent.
fn any_text() -> impl Strategy<Value = String> {
    let odd =
        prop_oneof![Just('\u{fffe}'), Just('\u{ffff}'), Just('\u{fffd}'), Just('\u{1fffe}'), Just('\0'), Just('"')];
    prop::collection::vec(prop_oneof![any::<char>(), odd], 0..40).prop_map(String::from_iter)
}

proptest! {
    /// Row 34: an accepted event can be published and arrives as it was, with any attributes.
    #[test]
    fn a_queue_takes_any_message_within_its_bound(
        tenant in "[a-z0-9._:@-]{1,128}",
        event_type in "[A-Za-z0-9._:/-]{1,128}",
        data in any_text(),
        attributes in prop::collection::hash_map("[a-z]{1,8}", any_text(), 0..4),
        (source, time, subject) in (any_text(), any_text(), any_text()),
    ) {
        let tenant: TenantId = tenant.parse().unwrap();
        let mut context = serde_json::Map::new();
        for (name, value) in attributes {
            context.insert(format!("x{name}"), value.into());
        }
        context.insert("source".to_owned(), source.clone().into());
        context.insert("time".to_owned(), time.clone().into());
        context.insert("subject".to_owned(), subject.clone().into());
        let event = NewEvent {
            id: EventId::named("k", "1"),
            event_type: event_type.parse().unwrap(),
            data: Some(serde_json::to_string(&data).unwrap()),
            context: Some(serde_json::Value::from(context.clone()).to_string()),
        };
        let bound = largest_size(&tenant, &event);
        let record = EventRecord::accepted(tenant.clone(), event, Epoch(u64::MAX), u64::MAX / 2);
        let message = Message::of(record, &"abcdefghijabcdefghij".parse().unwrap()).unwrap();
        let text = message.encode().unwrap();
        prop_assert!(text.chars().all(is_allowed), "{}", text.escape_debug());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, value) in &context {
            prop_assert_eq!(&json[name], value);
        }
        let back = Message::decode(&text).unwrap();
        prop_assert_eq!((&back.source, &back.time), (&source, &time));
        prop_assert_eq!(serde_json::from_str::<String>(back.data.as_deref().unwrap()).unwrap(), data);
        // The attributes `type` and `tenantid` travel alongside the body, each with its name and data type.
        let attributes = "typeStringtenantidString".len() + tenant.as_str().len() + event_type.len();
        prop_assert!(text.len() + attributes <= bound, "{} + {attributes} > {bound}", text.len());
    }

    /// Type and tenant travel as string attributes of a message: a queue takes their characters, and they are never
    /// empty.
    #[test]
    fn a_queue_takes_any_type_and_any_tenant_as_an_attribute(text in any_text()) {
        let ids = [text.parse::<EventType>().map(|id| id.as_str().to_owned()).ok(), text.parse::<TenantId>().map(|id| id.as_str().to_owned()).ok()];
        for id in ids.into_iter().flatten() {
            prop_assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()), "{}", id.escape_debug());
        }
    }
}

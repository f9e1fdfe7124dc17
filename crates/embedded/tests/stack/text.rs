//! Any text in any attribute: refused at the edge, processed, or in a dead-letter queue; never accepted for ever.

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use cellstack_core::dead_letter::{DeadLetter, Place, Reason};
use cellstack_core::queue_text::is_allowed;
use cellstack_core::{EventId, Message};
use cellstack_emulator::Observation;
use hyper::Request;
use serde_json::{Value, json};

use crate::world::StackWorld;

/// Texts that a queue refuses as they are, and others that programs stumble over.
const ODD: [&str; 7] =
    ["\u{fffe}", "a\u{ffff}b", "\u{fffd}\u{1fffe}\u{10ffff}", "\\uffff", "\"quoted\" \\", "😀 e\u{301}", "%FF%"];

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(start_paused = true)]
async fn odd_text_in_any_attribute_of_either_form_is_processed() {
    let world = StackWorld::new().await;
    let mut seen = world.stack.aws().observe();
    let mut sent = Vec::new();
    for (number, odd) in ODD.into_iter().enumerate() {
        let structured = json!({
            "specversion": "1.0", "type": "t", "id": format!("{odd}-{number}"), "source": odd, "subject": odd, "ext": odd,
            "data": { odd: odd },
        });
        let request = |content_type: &str, body: String| {
            Request::post("/v1/events")
                .header("x-tenant-id", "acme")
                .header("content-type", content_type)
                .header("x-number", number)
                .body(Bytes::from(body))
                .unwrap()
        };
        let first = world.send(request("application/cloudevents+json", structured.to_string())).await;
        sent.push((first.id(), odd));
        let mut binary = request("application/json", structured["data"].to_string());
        for (name, value) in structured.as_object().unwrap() {
            if let Value::String(text) = value {
                let name = hyper::header::HeaderName::try_from(format!("ce-{name}")).unwrap();
                binary.headers_mut().insert(name, percent(text).parse().unwrap());
            }
        }
        let again = world.send(binary).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (202, "true"), "{odd:?}: {}", again.body);
        assert_eq!(again.body, first.body);
    }
    for (id, _) in &sent {
        world.processed("acme", id).await;
    }
    let mut published = 0;
    while let Ok(observation) = seen.try_recv() {
        let Observation::Published { body, .. } = observation else { continue };
        assert!(body.chars().all(is_allowed), "{}", body.escape_debug());
        let (message, json): (_, Value) = (Message::decode(&body).unwrap(), serde_json::from_str(&body).unwrap());
        let (_, odd) = sent.iter().find(|(id, _)| *id == message.id.to_string()).unwrap();
        assert!(message.origin_id.as_deref().unwrap().starts_with(odd));
        assert_eq!([&json["source"], &json["subject"], &json["ext"], &json["data"][odd]], [&json!(odd); 4]);
        published += 1;
    }
    assert_eq!(published, ODD.len());
    assert!(world.dead_letters("alpha").is_empty());
}

/// Puts an unreadable record, of text that no queue takes as it is, before an event, which is not held up.
#[tokio::test(start_paused = true)]
async fn odd_text_in_an_unreadable_record_lies_in_a_queue_and_blocks_nothing() {
    let world = StackWorld::new().await;
    let id = EventId::named("k", "1");
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let odd = "\u{ffff}".repeat(20_000);
    let put = world.stack.dynamodb().put_item().table_name("cellstack-cell-alpha");
    put.item("tenant_id", text("acme"))
        .item("sk", text(&format!("event#{id}")))
        .item("status", text("accepted"))
        .item("type", text("t"))
        // The parser's error contains all of it.
        .item("epoch", text(&odd))
        .item("data", text(&odd))
        .send()
        .await
        .unwrap();
    let behind = world.post("acme", r#"{"type":"order.placed","data":{"amount":1}}"#).await.id();
    world.processed("acme", &behind).await;
    let bodies = world.peek("cellstack-cell-alpha-stream-dlq");
    assert_eq!(bodies.len(), 1);
    let letter = DeadLetter::read(&bodies[0], Place::Stream, &"alpha".parse().unwrap(), 1, "");
    assert_eq!((letter.reason, letter.event), (Reason::Undecodable, Some(id)));
    assert!(letter.original.contains(&odd));
}

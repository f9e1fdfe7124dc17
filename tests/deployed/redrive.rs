//! `cellctl dlq` against the deployed stack.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_cellctl::Completion;
use cellstack_core::dead_letter::Reason;
use cellstack_core::{Epoch, EventRecord, Message, NewEvent, SystemClock};

use crate::cellctl::cellctl;
use crate::stack::{Deployed, eventually};

/// Writes an event that failed yesterday for a reason that is mended today: its item into the table, its message into
/// the dead-letter queue.
async fn mended(deployed: &Deployed, name: &str) -> String {
    let new = NewEvent {
        id: cellstack_core::EventId::fresh(&SystemClock::new()),
        event_type: name.parse().unwrap(),
        data: Some(r#"{"amount":5}"#.to_owned()),
        context: None,
    };
    let record = EventRecord::accepted("initech".parse().unwrap(), new, Epoch::FIRST, 1_767_225_600_000);
    let body = Message::of(record.clone(), &"gamma".parse().unwrap()).unwrap().encode().unwrap();
    let mut item: std::collections::HashMap<String, AttributeValue> = serde_dynamo::to_item(&record).unwrap();
    item.insert("status".to_owned(), AttributeValue::S("failed".to_owned()));
    let cell = &deployed.cells["gamma"];
    deployed.dynamodb().put_item().table_name(&cell.table).set_item(Some(item)).send().await.unwrap();
    let sqs = aws_sdk_sqs::Client::new(&deployed.config(None));
    sqs.send_message().queue_url(&cell.dlq_url).message_body(body).send().await.unwrap();
    record.id().to_string()
}

#[tokio::test]
async fn what_is_mended_is_redriven_once_and_what_is_not_comes_back() {
    let deployed = Deployed::read();
    let id = mended(&deployed, "e2e.redrive").await;
    let (_, listed) = cellctl(&deployed, &["--output", "json", "dlq", "ls", "--cell", "gamma"]).await;
    assert!(listed.contains("retries-exhausted"), "{listed}");

    let redrive = [
        "dlq",
        "redrive",
        "--cell",
        "gamma",
        "--event",
        id.as_str(),
        "--reason",
        "mended",
        "--operator",
        "e2e",
        "--rate",
        "100",
    ];
    let (dry, _) = cellctl(&deployed, &[redrive.as_slice(), &["--dry-run"]].concat()).await;
    assert_eq!(dry, Completion::Done);
    assert_eq!(deployed.get("initech", &format!("/v1/events/{id}")).await.1["status"], "failed");

    let (completion, text) = cellctl(&deployed, &redrive).await;
    assert_eq!(completion, Completion::Done, "{text}");
    deployed.processed("initech", &id).await;
    assert_eq!(deployed.total("initech", "e2e.redrive").await, Some((1, "5".to_owned())));
    // Nothing is left to redrive, and a second run changes nothing.
    assert_eq!(cellctl(&deployed, &redrive).await.0, Completion::Done);
    assert_eq!(deployed.total("initech", "e2e.redrive").await, Some((1, "5".to_owned())));

    // An event that its processor still refuses is tried once more and dead-lettered once more.
    let (_, poison) = deployed.post("acme", r#"{"type":"e2e.unmended","data":{"amount":"x"}}"#).await;
    let poison = poison["id"].as_str().unwrap().to_owned();
    let letter = async || {
        let dead_letters = deployed.dead_letters("alpha").await;
        dead_letters.into_iter().find(|letter| letter.event.is_some_and(|event| event.to_string() == poison))
    };
    assert_eq!(eventually("the poison is dead-lettered", letter).await.reason, Reason::Refused);
    let failed = async || {
        let (_, event) = deployed.get("acme", &format!("/v1/events/{poison}")).await;
        (event["status"] == "failed").then_some(())
    };
    eventually("the poison is marked failed", failed).await;
    let redrive = [
        "dlq",
        "redrive",
        "--cell",
        "alpha",
        "--event",
        poison.as_str(),
        "--reason",
        "another try",
        "--operator",
        "e2e",
    ];
    cellctl(&deployed, &redrive).await;
    eventually("the poison is dead-lettered again", letter).await;
    eventually("the poison is marked failed again", failed).await;
    let purge = [
        "dlq",
        "purge",
        "--cell",
        "alpha",
        "--event",
        poison.as_str(),
        "--reason",
        "hopeless",
        "--operator",
        "e2e",
        "--yes",
    ];
    let (completion, _) = cellctl(&deployed, &purge).await;
    assert_eq!(completion, Completion::Done);
    assert!(letter().await.is_none());
}

//! Events through the deployed function URL.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::dead_letter::Reason;
use serde_json::json;

use crate::stack::{Deployed, eventually};

#[tokio::test]
async fn an_event_is_processed_in_its_own_cell_and_in_no_other() {
    let deployed = Deployed::read();
    for (tenant, home) in [("acme", "alpha"), ("globex", "beta"), ("initech", "gamma")] {
        let (status, accepted) = deployed.post(tenant, r#"{"type":"e2e.own","data":{"amount":1}}"#).await;
        assert_eq!(status, 202, "{accepted}");
        let id = accepted["id"].as_str().unwrap();
        let event = deployed.processed(tenant, id).await;
        assert_eq!(event["result"]["amount"], "1");
        for cell in deployed.cells.keys() {
            let held = deployed.keys(cell).await.contains(&format!("event#{id}"));
            assert_eq!(held, cell == home, "{tenant}'s event in {cell}");
        }
    }
}

#[tokio::test]
async fn totals_are_exact() {
    let deployed = Deployed::read();
    for number in 1..=15 {
        let body = json!({ "type": "e2e.total", "data": { "amount": number } }).to_string();
        for tenant in ["acme", "globex"] {
            assert_eq!(deployed.post(tenant, &body).await.0, 202);
        }
    }
    for tenant in ["acme", "globex"] {
        eventually(&format!("{tenant} has 15 events that add up to 120"), async || {
            let total = deployed.total(tenant, "e2e.total").await?;
            assert!(total.0 <= 15, "{total:?}");
            (total == (15, "120".to_owned())).then_some(())
        })
        .await;
    }
    assert_eq!(deployed.total("initech", "e2e.total").await, None);
}

#[tokio::test]
async fn poison_lies_in_the_dead_letter_queue_of_its_cell_only() {
    let deployed = Deployed::read();
    let (_, poison) = deployed.post("globex", r#"{"type":"e2e.poison","data":{"amount":"ten"}}"#).await;
    let id = poison["id"].as_str().unwrap();
    let (_, neighbour) = deployed.post("globex", r#"{"type":"e2e.poison","data":{"amount":10}}"#).await;
    deployed.processed("globex", neighbour["id"].as_str().unwrap()).await;
    let letter = eventually("the poison is in beta's dead-letter queue", async || {
        let dead_letters = deployed.dead_letters("beta").await;
        dead_letters.into_iter().find(|letter| letter.event.is_some_and(|event| event.to_string() == id))
    })
    .await;
    assert_eq!((letter.reason, letter.attempts), (Reason::Refused, 1));
    let failed = eventually("the poison is marked failed", async || {
        let (_, event) = deployed.get("globex", &format!("/v1/events/{id}")).await;
        (event["status"] == "failed").then_some(event)
    })
    .await;
    assert_eq!(failed["error"], letter.detail);
    assert_eq!(deployed.total("globex", "e2e.poison").await, Some((1, "10".to_owned())));
    for cell in ["alpha", "gamma"] {
        let strays = deployed.dead_letters(cell).await;
        assert!(!strays.iter().any(|stray| stray.tenant == letter.tenant), "{cell}: {strays:?}");
    }
}

#[tokio::test]
async fn a_message_that_comes_twice_has_one_effect() {
    let deployed = Deployed::read();
    let (_, accepted) = deployed.post("initech", r#"{"type":"e2e.twice","data":{"amount":3}}"#).await;
    let id = accepted["id"].as_str().unwrap();
    deployed.processed("initech", id).await;
    let message = json!({
        "specversion": "1.0", "id": id, "source": "/cellstack", "type": "e2e.twice", "time": "2026-01-01T00:00:00.000Z",
        "tenantid": "initech", "cell": "gamma", "epoch": 1, "data": { "amount": 3 },
    });
    let sqs = aws_sdk_sqs::Client::new(&deployed.config(None));
    let queue = &deployed.cells["gamma"].queue_url;
    for _ in 0..2 {
        sqs.send_message().queue_url(queue).message_body(message.to_string()).send().await.unwrap();
    }
    // An event that comes after the repeats shows that they are processed.
    let (_, after) = deployed.post("initech", r#"{"type":"e2e.after"}"#).await;
    deployed.processed("initech", after["id"].as_str().unwrap()).await;
    eventually("the queue is empty", async || deployed.is_empty(queue).await.then_some(())).await;
    assert_eq!(deployed.total("initech", "e2e.twice").await, Some((1, "3".to_owned())));
}

#[tokio::test]
async fn bad_input_is_told_what_to_do() {
    let deployed = Deployed::read();
    for (tenant, body, status, problem) in [
        ("acme", "", 400, "invalid-event"),
        ("acme", "not json", 400, "invalid-event"),
        ("umbrella", r#"{"type":"t"}"#, 404, "unknown-tenant"),
    ] {
        let (found, document) = deployed.post(tenant, body).await;
        assert_eq!((found, &document["type"]), (status, &json!(format!("urn:cellstack:problem:{problem}"))));
    }
}

#[tokio::test]
async fn the_registry_has_a_record_of_each_cell_and_the_map_of_each_tenant() {
    let deployed = Deployed::read();
    let map = deployed.dynamodb().scan().table_name(&deployed.tenant_map_table).send().await.unwrap();
    let tenants: BTreeSet<_> = map.items().iter().map(|item| item["tenant_id"].as_s().unwrap().as_str()).collect();
    assert!(tenants.is_superset(&BTreeSet::from(["acme", "globex", "initech"])), "{tenants:?}");
    for (name, cell) in &deployed.cells {
        let registry = deployed.tenant_map_table.replace("-tenant-map", "-registry");
        let config = deployed
            .dynamodb()
            .get_item()
            .table_name(registry)
            .key("pk", AttributeValue::S(format!("cell#{name}")))
            .key("sk", AttributeValue::S("config".to_owned()))
            .send()
            .await
            .unwrap()
            .item
            .unwrap();
        assert_eq!(config["table"].as_s().unwrap(), &cell.table);
        assert_eq!(config["topic_arn"].as_s().unwrap(), &cell.topic_arn);
    }
}

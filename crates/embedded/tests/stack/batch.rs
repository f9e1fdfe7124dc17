//! Several events in one request.

use std::time::Duration;

use bytes::Bytes;
use cellstack_emulator::{Fault, FaultKind};
use cellstack_router::TenantSource;
use hyper::Request;
use serde_json::{Value, json};

use crate::world::{Response, StackWorld, builder};

fn order(id: &str, amount: u32) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": "order.placed", "data": { "amount": amount } })
}

async fn post(world: &StackWorld, tenant: &str, events: &[Value]) -> Response {
    let request = Request::post("/v1/events")
        .header("x-tenant-id", tenant)
        .header("content-type", "application/cloudevents-batch+json")
        .body(Bytes::from(Value::from(events).to_string()))
        .unwrap();
    world.send(request).await
}

fn statuses(response: &Response) -> Vec<u64> {
    response.json()["results"].as_array().unwrap().iter().map(|verdict| verdict["status"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_event_of_a_batch_has_a_verdict_of_its_own() {
    let world = StackWorld::new().await;
    let events = [
        order("1", 1),
        json!({ "id": "no type" }),
        order("2", 2),
        order("1", 3),
        json!("no event"),
        json!({ "specversion": "1.0", "id": "3", "source": "/shop", "type": "t", "tenantid": "globex" }),
        order("4", 4),
    ];
    let response = post(&world, "acme", &events).await;
    assert_eq!(response.status, 207, "{}", response.body);
    assert_eq!((response.header("x-cell-id"), response.header("retry-after")), ("alpha", ""));
    // Either of two events of one name may have been the first.
    let found = statuses(&response);
    assert!(found == [202, 400, 202, 409, 400, 403, 202] || found == [409, 400, 202, 202, 400, 403, 202], "{found:?}");
    let results = response.json()["results"].clone();
    assert_eq!(results[1]["problem"]["type"], "urn:cellstack:problem:invalid-event");
    assert_eq!(results[5]["problem"]["type"], "urn:cellstack:problem:tenant-mismatch");
    let id = results[6]["event"]["id"].as_str().unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.total("acme", "order.placed").await.0, 3);

    // A single event of the same name is the same event.
    let alone = Request::post("/v1/events")
        .header("x-tenant-id", "acme")
        .header("content-type", "application/cloudevents+json")
        .body(Bytes::from(order("4", 4).to_string()))
        .unwrap();
    let alone = world.send(alone).await;
    assert_eq!((alone.id().as_str(), alone.header("idempotency-replayed")), (id, "true"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_sent_again_is_no_second_one() {
    let world = StackWorld::new().await;
    let events: Vec<Value> = (1..=100).map(|number| order(&number.to_string(), number)).collect();
    let first = post(&world, "acme", &events).await;
    assert_eq!((first.status, statuses(&first)), (200, vec![202; 100]), "{}", first.body);
    assert_eq!((first.header("x-cell-id"), first.header("x-cell-epoch")), ("alpha", "1"));
    let again = post(&world, "acme", &events).await;
    assert_eq!(again.status, 200);
    let (first, again) = (first.json()["results"].clone(), again.json()["results"].clone());
    for at in 0..100 {
        assert_eq!((&first[at]["event"], &first[at]["replayed"]), (&again[at]["event"], &Value::Null));
        assert_eq!(again[at]["replayed"], true);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.total("acme", "order.placed").await, (100, 5_050.0));

    let none = post(&world, "acme", &[]).await;
    assert_eq!((none.status, none.body.as_str()), (200, "{\"results\":[]}\n"));
    let many = post(&world, "acme", &vec![order("1", 1); 101]).await;
    assert_eq!((many.status, many.problem().as_str()), (413, "too-large"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_over_a_cell_that_hangs_gets_a_response_in_time_and_says_what_to_send_again() {
    let world = StackWorld::new().await;
    world.post("acme", r#"{"type":"t"}"#).await.id();
    let faults = world.stack.aws().faults();
    let hang = faults.inject(Fault::new("DynamoDB", "PutItem", FaultKind::HangAfterCommit));
    let events: Vec<Value> = (1..=100).map(|number| order(&number.to_string(), 1)).collect();
    let before = tokio::time::Instant::now();
    let response = post(&world, "acme", &events).await;
    assert!(before.elapsed() < Duration::from_secs(9), "{:?}", before.elapsed());
    assert_eq!((response.status, response.header("retry-after")), (207, "1"));
    assert_eq!(statuses(&response), [503; 100]);
    faults.remove(hang);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(statuses(&post(&world, "acme", &events).await), [202; 100]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.total("acme", "order.placed").await, (100, 100.0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_be_of_several_tenants_where_events_name_them() {
    let stack = builder().tenant_source(TenantSource::Body).build().await.unwrap();
    let world = StackWorld { stack };
    let of = |tenant: &str| {
        let mut event = order("1", 1);
        event["tenantid"] = tenant.into();
        event
    };
    let request = Request::post("/v1/events")
        .header("content-type", "application/cloudevents-batch+json")
        .body(Bytes::from(json!([of("acme"), of("globex"), of("umbrella"), order("1", 1)]).to_string()))
        .unwrap();
    let response = world.send(request).await;
    assert_eq!(statuses(&response), [202, 202, 404, 400]);
    assert_eq!((response.status, response.header("x-cell-id")), (207, ""));
    for (cell, tenant) in [("alpha", "acme"), ("beta", "globex")] {
        let events = world.items(cell).await.into_iter().filter(|key| key.starts_with("event#")).count();
        assert_eq!(events, 1, "{tenant}");
    }
}

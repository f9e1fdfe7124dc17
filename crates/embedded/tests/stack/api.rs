//! The API, as callers see it.

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use cellstack_core::limits::MAX_BODY;
use cellstack_embedded::Stack;
use cellstack_router::TenantSource;
use hyper::Request;

use crate::world::{StackWorld, builder};

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":42}}"#;

#[tokio::test(start_paused = true)]
async fn an_event_is_accepted_and_shown() {
    let world = StackWorld::new().await;
    let accepted = world.post("acme", ORDER).await;
    let id = accepted.id();
    assert_eq!(accepted.header("location"), format!("/v1/events/{id}"));
    assert_eq!(accepted.header("x-cell-id"), "alpha");
    assert_eq!(accepted.header("x-cell-epoch"), "1");
    assert_eq!(accepted.header("x-route-source"), "map");
    assert!(!accepted.header("x-request-id").is_empty());

    world.processed("acme", &id).await;
    let event = world.get("acme", &format!("/v1/events/{id}")).await;
    assert_eq!(event.header("x-route-source"), "cache");
    assert_eq!(event.json()["result"]["amount"], "42");
    assert_eq!(event.json()["data"]["amount"], 42);
    assert_eq!(world.total("acme", "order.placed").await, (1, 42.0));
    let route = world.get("acme", "/v1/route").await.json();
    assert_eq!((&route["cell_id"], &route["epoch"], &route["state"]), (&"alpha".into(), &1.into(), &"active".into()));
    assert_eq!(route["cell_status"], "active");
    assert_eq!(route["new_events"], serde_json::json!({ "cell_id": "alpha", "status": "accepted" }));
    assert_eq!(world.get("globex", &format!("/v1/events/{id}")).await.problem(), "unknown-event");
}

#[tokio::test(start_paused = true)]
async fn bad_input_gets_a_problem_and_writes_nothing() {
    let world = StackWorld::new().await;
    let over = format!(r#"{{"type":"t","data":"{}"}}"#, "x".repeat(MAX_BODY));
    let post = |body: &[u8]| (("POST", "/v1/events"), Bytes::copy_from_slice(body));
    let cases = [
        (post(b""), 400, "invalid-event"),
        (post(b"not json"), 400, "invalid-event"),
        (post(b"{\"type\":\"\xff\xfe\"}"), 400, "invalid-event"),
        (post(b"{\"data\":{}}"), 400, "invalid-event"),
        (post("[".repeat(100_000).as_bytes()), 400, "invalid-event"),
        (post(&over.as_bytes()[..=MAX_BODY]), 413, "too-large"),
        ((("PUT", "/v1/events"), Bytes::from(ORDER)), 405, "method-not-allowed"),
        ((("DELETE", "/v1/totals"), Bytes::new()), 405, "method-not-allowed"),
        ((("GET", "/v2/events"), Bytes::new()), 404, "unknown-path"),
        ((("GET", "/v1/events/not-a-uuid"), Bytes::new()), 404, "unknown-event"),
    ];
    for (((method, path), body), status, problem) in cases {
        let request =
            Request::builder().method(method).uri(path).header("x-tenant-id", "acme").body(body.clone()).unwrap();
        let response = world.send(request).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(
            (response.status, response.problem().as_str()),
            (status, problem),
            "{method} {path} {shown}: {}",
            response.body
        );
        assert!(response.json()["detail"].as_str().unwrap().len() > 10, "{}", response.body);
        assert_eq!(response.json()["status"], status);
    }
    assert_eq!(world.calls("PutItem"), 3 + 3, "only the stack's own set-up (registry, map) wrote");
    assert_eq!(world.calls("TransactWriteItems"), 3, "fences");
    assert_eq!(world.get("acme", "/health").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_tenant_gets_404_from_the_cache_and_no_default_cell() {
    let world = StackWorld::new().await;
    let reads = world.calls("GetItem");
    for _ in 0..3 {
        assert_eq!(world.post("umbrella", ORDER).await.problem(), "unknown-tenant");
    }
    assert_eq!(world.calls("GetItem"), reads + 1);
    // Placed a moment later, it is served as soon as the short memory of "not found" has passed.
    world.stack.place(&"umbrella".parse().unwrap(), &"beta".parse().unwrap()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(world.post("umbrella", ORDER).await.header("x-cell-id"), "beta");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_gets_the_first_response_and_another_body_a_conflict() {
    let world = StackWorld::new().await;
    let first = world.post_named("acme", Some("order-1"), ORDER).await;
    let again = world.post_named("acme", Some("order-1"), ORDER).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.header("idempotency-replayed"), "");
    let other = world.post_named("acme", Some("order-1"), r#"{"type":"order.placed","data":{"amount":43}}"#).await;
    assert_eq!((other.status, other.problem().as_str()), (409, "idempotency-conflict"));
    // The same holds after it is processed. Another tenant's event of the same name is another event.
    world.processed("acme", &first.id()).await;
    assert_eq!(world.post_named("acme", Some("order-1"), ORDER).await.body, first.body);
    assert_eq!(world.post_named("globex", Some("order-1"), ORDER).await.header("idempotency-replayed"), "");
    assert_eq!(world.total("acme", "order.placed").await, (1, 42.0));
}

#[tokio::test(start_paused = true)]
async fn a_warm_write_is_one_call() {
    let world = StackWorld::new().await;
    world.post("acme", ORDER).await.id();
    let before = (world.calls("GetItem"), world.calls("Query"), world.calls("PutItem"));
    world.post("acme", ORDER).await.id();
    assert_eq!(
        (world.calls("GetItem"), world.calls("Query"), world.calls("PutItem")),
        (before.0, before.1, before.2 + 1)
    );
}

#[tokio::test(start_paused = true)]
async fn the_tenant_comes_from_one_source_and_a_contradiction_is_refused() {
    let world = StackWorld::new().await;
    let foreign = r#"{"type":"t","tenantid":"globex"}"#;
    assert_eq!(world.post("acme", foreign).await.problem(), "tenant-mismatch");
    let nameless = Request::post("/v1/events").body(Bytes::from(foreign)).unwrap();
    assert_eq!(world.send(nameless).await.problem(), "missing-tenant");

    let stack: Stack = builder().tenant_source(TenantSource::Body).build().await.unwrap();
    let world = StackWorld { stack };
    let named = Request::post("/v1/events").body(Bytes::from(foreign)).unwrap();
    let accepted = world.send(named).await;
    assert_eq!(accepted.header("x-cell-id"), "beta");
    let path = format!("/v1/events/{}?tenantid=globex", accepted.id());
    let get = |path: &str| Request::get(path).body(Bytes::new()).unwrap();
    assert_eq!(world.send(get(&path)).await.status, 200);
    assert_eq!(world.send(get("/v1/totals")).await.problem(), "missing-tenant");
}

#[tokio::test(start_paused = true)]
async fn the_largest_event_that_is_accepted_is_published_and_processed() {
    let world = StackWorld::new().await;
    let frame = r#"{"type":"t","data":""}"#.len();
    let largest = format!(r#"{{"type":"t","data":"{}"}}"#, "x".repeat(MAX_BODY - frame));
    let id = world.post("acme", largest).await.id();
    world.processed("acme", &id).await;
    // Characters that SQS refuses, and every kind of JSON text, come through as they are.
    let odd = "{\"type\":\"t\",\"data\":[\"\u{ffff}\u{fffe}\",1e300,-0.10,\"\\u0000\\ud83d\\ude00\",{\"a\":null}]}";
    let id = world.post("acme", odd).await.id();
    world.processed("acme", &id).await;
    let shown = world.get("acme", &format!("/v1/events/{id}")).await.body;
    assert!(shown.contains("[\"\u{ffff}\u{fffe}\",1e300,-0.10,\"\\u0000\\ud83d\\ude00\",{\"a\":null}]"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_total_without_its_numbers_is_shown_and_hides_no_other() {
    let world = StackWorld::new().await;
    let id = world.post("acme", r#"{"type":"order.placed","data":{"amount":7}}"#).await.id();
    world.processed("acme", &id).await;
    let key = [("tenant_id", "acme"), ("sk", "total#odd")];
    world.set("cellstack-cell-alpha", &key, "count", AttributeValue::S("some".to_owned())).await;
    let totals = world.get("acme", "/v1/totals").await.json();
    let numbers = |at: usize| (totals["totals"][at]["type"].clone(), totals["totals"][at]["count"].clone());
    assert_eq!((numbers(0), numbers(1)), (("odd".into(), 0.into()), ("order.placed".into(), 1.into())), "{totals}");
}

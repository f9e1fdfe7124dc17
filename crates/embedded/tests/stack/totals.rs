//! `GET /v1/totals`: pages, and a cell's bulk reads, which must not harm its writes.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::{CELL_TIMEOUT, TOTALS_DEFAULT};
use cellstack_core::mutation::{Mutation, plant};
use cellstack_emulator::{Fault, FaultKind};
use tokio::time::Instant;

use crate::environment::Environment;
use crate::world::StackWorld;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;

/// Returns the types of a page, and the cursor of the next.
async fn page(world: &StackWorld, query: &str) -> (Vec<String>, Option<String>) {
    let response = world.get("acme", &format!("/v1/totals?{query}")).await;
    assert_eq!(response.status, 200, "{query}: {}", response.body);
    let body = response.json();
    let types = body["totals"].as_array().unwrap().iter().map(|total| total["type"].as_str().unwrap().to_owned());
    (types.collect(), body["cursor"].as_str().map(ToOwned::to_owned))
}

#[tokio::test(start_paused = true)]
async fn totals_are_bounded_and_come_page_by_page() {
    let world = StackWorld::new().await;
    let mut types: Vec<String> = (0..250).map(|n| format!("type.{n:03}")).collect();
    for event_type in &types {
        let put = world.stack.dynamodb().put_item().table_name("cellstack-cell-alpha");
        let number = |n: &str| AttributeValue::N(n.to_owned());
        put.item("tenant_id", AttributeValue::S("acme".to_owned()))
            .item("sk", AttributeValue::S(format!("total#{event_type}")))
            .item("count", number("2"))
            .item("sum", number("99999999999999999999999999999.123456789"))
            .send()
            .await
            .unwrap();
    }
    types.sort_unstable();
    assert_eq!(page(&world, "").await.0, types[..usize::from(TOTALS_DEFAULT)]);
    for limit in [7, 100, 250, 1_000] {
        let (mut seen, mut cursor) = page(&world, &format!("limit={limit}")).await;
        while let Some(next) = cursor {
            let (more, then) = page(&world, &format!("limit={limit}&cursor={next}")).await;
            assert!(more.len() <= limit);
            seen.extend(more);
            cursor = then;
        }
        assert_eq!(seen, types, "limit {limit}");
    }
    let exact = world.get("acme", "/v1/totals?limit=1").await.body;
    assert!(exact.contains("99999999999999999999999999999.123456789"), "{exact}");

    let cursor = page(&world, "limit=7").await.1.unwrap();
    for (tenant, query) in [
        ("globex", format!("totals?cursor={cursor}")),
        ("acme", format!("events?cursor={cursor}")),
        ("acme", "totals?limit=0".to_owned()),
        ("acme", "totals?limit=1001".to_owned()),
        ("acme", "totals?type=t".to_owned()),
    ] {
        let response = world.get(tenant, &format!("/v1/{query}")).await;
        assert_eq!((response.status, response.problem().as_str()), (400, "invalid-request"), "{tenant} {query}");
    }
}

/// Returns the number of ten events that are accepted while every query of totals and events hangs.
async fn accepted_while_bulk_reads_hang() -> usize {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    let queries = Fault::new("DynamoDB", "Query", FaultKind::Hang).on("cellstack-cell-alpha");
    world.stack.aws().faults().inject(queries);
    let mut accepted = 0;
    for n in 0..10 {
        for path in ["/v1/totals", "/v1/events"] {
            let asked = Instant::now();
            assert_eq!(environment.get("acme", path).await.status, 503);
            let longest = if n == 0 { CELL_TIMEOUT } else { Duration::from_millis(400) };
            assert!(asked.elapsed() <= longest + Duration::from_millis(20), "{path}: {:?}", asked.elapsed());
        }
        accepted += usize::from(environment.post("acme", ORDER).await.status == 202);
    }
    accepted
}

#[tokio::test(start_paused = true)]
async fn bulk_reads_that_hang_open_their_breaker_and_writes_go_on() {
    assert_eq!(accepted_while_bulk_reads_hang().await, 10);
    let _planted = plant(Mutation::TotalsOpenBreaker);
    assert!(accepted_while_bulk_reads_hang().await < 10, "the test notices");
}

//! The router's responses when a cell's table misbehaves.

use std::time::Duration;

use cellstack_core::limits::MAX_HEADERS;
use cellstack_emulator::{Fault, FaultKind};
use tokio::time::Instant;

use crate::environment::Environment;
use crate::world::{StackWorld, order};

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;

fn put(kind: FaultKind) -> Fault {
    Fault::new("DynamoDB", "PutItem", kind).on("cellstack-cell-alpha")
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_response_is_lost_is_found_again() {
    for kind in [FaultKind::HangAfterCommit, FaultKind::ResetAfterCommit] {
        let world = StackWorld::new().await;
        world.stack.aws().faults().inject(put(kind.clone()).times(1));
        let response = world.post("acme", ORDER).await;
        assert_eq!(response.status, 202, "{kind:?}: {}", response.body);
        world.processed("acme", &response.id()).await;
        assert_eq!(world.total("acme", "order.placed").await, (1, 1.0), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_retried_and_then_told() {
    let world = StackWorld::new().await;
    world.stack.aws().faults().inject(put(FaultKind::Throttle).times(2));
    assert_eq!(world.post("acme", ORDER).await.status, 202);

    world.stack.aws().faults().inject(put(FaultKind::Throttle));
    let refused = world.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str(), refused.header("retry-after")), (503, "unavailable", "1"));
    assert!(!refused.body.contains("cellstack-cell"), "no resource is named to callers: {}", refused.body);
    assert_eq!(world.post("globex", ORDER).await.status, 202, "another cell is not touched by it");
}

#[tokio::test(start_paused = true)]
async fn a_response_comes_before_the_function_ends_though_a_table_hangs() {
    let world = StackWorld::new().await;
    world.post("acme", ORDER).await.id();
    world.stack.aws().faults().inject(put(FaultKind::Hang));
    let asked = Instant::now();
    let response = world.post("acme", ORDER).await;
    assert_eq!(response.problem(), "unavailable");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

/// Throttles a partition. Its limit, the table's and the account's have one code; only the body distinguishes them.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_too_fast_for_its_partition_gets_429_and_its_neighbours_nothing() {
    let world = StackWorld::new().await;
    world.stack.place(&"umbrella".parse().unwrap(), &"alpha".parse().unwrap()).await.unwrap();
    let hot = FaultKind::Error {
        status: 400,
        code: "ThrottlingException".to_owned(),
        message: "Throughput exceeds the limit: TableWriteKeyRangeThroughputExceeded".to_owned(),
    };
    assert_eq!(world.post("acme", ORDER).await.status, 202);
    world.stack.aws().faults().inject(Fault::any("DynamoDB", hot).on("\"acme\""));
    for _ in 0..3 {
        for refused in [world.post("acme", ORDER).await, world.get("acme", "/v1/totals").await] {
            assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.body);
            assert_eq!(refused.problem(), "too-many-requests");
        }
        assert_eq!(world.post("umbrella", ORDER).await.status, 202, "the cell is not left alone for it");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_over_the_cap_are_refused_before_any_call() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    let request = |size: usize| {
        let mut request = order("acme", None, ORDER);
        request.headers_mut().insert("x-large", "x".repeat(size).parse().unwrap());
        request
    };
    let refused = environment.send(request(MAX_HEADERS)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (431, "headers-too-large"));
    assert!(environment.wire.take().is_empty());
    assert_eq!(environment.send(request(MAX_HEADERS / 2)).await.status, 202);
}

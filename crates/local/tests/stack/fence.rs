//! The lease and the fence.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::TENANT_LEASE;
use cellstack_emulator::{Fault, FaultKind};

use crate::world::World;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const MAP: &str = "cellstack-tenant-map";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// The map is gone and the router's lease has run out.
async fn stale(world: &World) {
    world.post("acme", ORDER).await.id();
    world.stack.aws().faults().inject(Fault::new("DynamoDB", "GetItem", FaultKind::ServerError).on(MAP));
    tokio::time::sleep(TENANT_LEASE).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_map_a_warm_router_serves_by_fenced_writes_and_a_cold_one_says_503() {
    let world = World::new().await;
    stale(&world).await;
    let answer = world.post("acme", ORDER).await;
    assert_eq!((answer.status, answer.header("x-route-source")), (202, "stale"));
    assert_eq!(world.calls("TransactWriteItems"), 1 + 1, "one by the consumer, one fenced write");
    world.processed("acme", &answer.id()).await;

    let cold = world.post("globex", ORDER).await;
    assert_eq!((cold.status, cold.problem().as_str()), (503, "unavailable"));
    assert_eq!(cold.header("retry-after"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_closed_fence_or_one_of_another_epoch_takes_no_stale_write() {
    for (attribute, value) in [("state", text("closed")), ("epoch", AttributeValue::N("2".into()))] {
        let world = World::new().await;
        stale(&world).await;
        world.set("cellstack-cell-alpha", &[("tenant_id", "acme"), ("sk", "fence")], attribute, value).await;
        let before = world.items("alpha").await.len();
        let answer = world.post("acme", ORDER).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{attribute}");
        assert_eq!(world.items("alpha").await.len(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_moving_tenant_is_written_under_its_fence_and_a_fenced_one_not_at_all() {
    let world = World::new().await;
    let state = |state| world.set(MAP, &[("tenant_id", "acme")], "state", text(state));
    state("moving").await;
    assert_eq!(world.post("acme", ORDER).await.status, 202);
    assert_eq!(world.calls("TransactWriteItems"), 1);

    state("fenced").await;
    tokio::time::sleep(TENANT_LEASE).await;
    let refused = world.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    // Reads go on.
    assert_eq!(world.get("acme", "/v1/totals").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_marked_down_is_not_sent_to() {
    let world = World::new().await;
    world.post("acme", ORDER).await.id();
    world.set("cellstack-registry", &[("pk", "cell#alpha"), ("sk", "state")], "status", text("down")).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let refused = world.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    assert_eq!(world.post("globex", ORDER).await.status, 202);
}

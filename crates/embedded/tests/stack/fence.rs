//! The lease and the fence.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::TENANT_LEASE;
use cellstack_emulator::{Fault, FaultKind};

use crate::environment::Environment;
use crate::world::StackWorld;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const MAP: &str = "cellstack-tenant-map";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Transactions by which the stack opened its tenants' fences.
const PLACED: u64 = 3;

/// Takes the map away, and lets the router's lease run out.
async fn stale(world: &StackWorld) {
    world.post("acme", ORDER).await.id();
    world.stack.aws().faults().inject(Fault::new("DynamoDB", "GetItem", FaultKind::ServerError).on(MAP));
    tokio::time::sleep(TENANT_LEASE).await;
}

#[tokio::test(start_paused = true)]
async fn without_the_map_a_warm_router_serves_by_fenced_writes_and_a_cold_one_says_503() {
    let world = StackWorld::new().await;
    stale(&world).await;
    let before = world.calls("TransactWriteItems");
    let response = world.post("acme", ORDER).await;
    assert_eq!((response.status, response.header("x-route-source")), (202, "stale"));
    assert_eq!(world.calls("TransactWriteItems") - before, 1, "a fenced write");
    world.processed("acme", &response.id()).await;

    let cold = world.post("globex", ORDER).await;
    assert_eq!((cold.status, cold.problem().as_str()), (503, "unavailable"));
    assert_eq!(cold.header("retry-after"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_closed_fence_or_one_of_another_epoch_takes_no_stale_write() {
    for (attribute, value) in [("state", text("closed")), ("epoch", AttributeValue::N("2".into()))] {
        let world = StackWorld::new().await;
        stale(&world).await;
        world.set_fence("cellstack-cell-alpha", "acme", attribute, value).await;
        let before = world.items("alpha").await.len();
        let response = world.post("acme", ORDER).await;
        assert_eq!((response.status, response.problem().as_str()), (503, "unavailable"), "{attribute}");
        assert_eq!(world.items("alpha").await.len(), before);
    }
}

/// Lets the router learn that the tenant is moving, and then ends the move.
async fn moved(world: &StackWorld, environment: &Environment) {
    world.set(MAP, &[("tenant_id", "acme")], "state", text("moving")).await;
    environment.post("acme", ORDER).await.id();
    // Two moments, not one: what was read in this one may not serve a read of the next.
    tokio::time::sleep(Duration::from_millis(1)).await;
    world.move_tenant("acme", "alpha", "beta", 2).await;
    environment.wire.take();
}

#[tokio::test(start_paused = true)]
async fn a_refusing_fence_makes_one_refresh_and_one_retry_under_the_same_id() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    moved(&world, &environment).await;
    let response = environment.post("acme", ORDER).await;
    assert_eq!((response.header("x-cell-id"), response.header("x-cell-epoch")), ("beta", "2"));
    let id = response.id();
    let sent = environment.wire.take();
    let of = |operation| sent.iter().filter(|sent| sent.operation == operation).collect::<Vec<_>>();
    assert_eq!(of("GetItem").len(), 1, "{sent:?}");
    let (fenced, plain) = (of("TransactWriteItems"), of("PutItem"));
    assert_eq!((fenced.len(), plain.len()), (1, 1), "{sent:?}");
    assert_eq!(fenced[0].events(), plain[0].events());
    assert_eq!(plain[0].events(), [&id]);
    assert!(!world.items("alpha").await.contains(&format!("event#{id}")));
    assert!(world.items("beta").await.contains(&format!("event#{id}")));
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_goes_on_refusing_ends_in_503_after_one_retry() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    moved(&world, &environment).await;
    // The move of a tenant continues: it is fenced in its new cell, too.
    world.set(MAP, &[("tenant_id", "acme")], "state", text("moving")).await;
    world.set_fence("cellstack-cell-beta", "acme", "state", text("closed")).await;
    let response = environment.post("acme", ORDER).await;
    assert_eq!(
        (response.status, response.problem().as_str(), response.header("retry-after")),
        (503, "unavailable", "1")
    );
    let operations: Vec<_> = environment.wire.take().into_iter().map(|sent| sent.operation).collect();
    assert_eq!(operations.iter().filter(|operation| *operation == "TransactWriteItems").count(), 2, "{operations:?}");
    assert_eq!(operations.iter().filter(|operation| *operation == "GetItem").count(), 1, "{operations:?}");
}

/// Freezes a router before a move and thaws it after, with clocks that do not show the time between and no map to read.
#[tokio::test(start_paused = true)]
async fn a_router_that_thaws_after_a_move_writes_nothing_into_the_old_cell() {
    for map_is_gone in [false, true] {
        let world = StackWorld::new().await;
        let environment = Environment::of(&world);
        environment.post("acme", ORDER).await.id();
        let before = world.items("alpha").await.len();
        environment.clocks.freeze();
        tokio::time::sleep(TENANT_LEASE).await;
        world.move_tenant("acme", "alpha", "beta", 2).await;
        let gone =
            map_is_gone.then(|| world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on(MAP)));
        environment.clocks.thaw();
        let response = environment.post_named("acme", "order-1", ORDER).await;
        if let Some(gone) = gone {
            assert_eq!((response.status, response.problem().as_str()), (503, "unavailable"));
            world.stack.aws().faults().remove(gone);
            tokio::time::sleep(Duration::from_secs(5)).await;
            environment.post_named("acme", "order-1", ORDER).await.id();
        } else {
            assert_eq!((response.status, response.header("x-cell-id")), (202, "beta"), "{}", response.body);
        }
        let events = |items: Vec<String>| items.iter().filter(|item| item.starts_with("event#")).count();
        assert_eq!(events(world.items("beta").await), 1);
        assert!(world.items("alpha").await.len() <= before + 1, "but for the total, nothing is new");
        assert_eq!(events(world.items("alpha").await), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_moving_tenant_is_written_under_its_fence_and_a_fenced_one_not_at_all() {
    let world = StackWorld::new().await;
    let state = |state| world.set(MAP, &[("tenant_id", "acme")], "state", text(state));
    state("moving").await;
    assert_eq!(world.post("acme", ORDER).await.status, 202);
    assert_eq!(world.calls("TransactWriteItems"), PLACED + 1);

    state("fenced").await;
    tokio::time::sleep(TENANT_LEASE).await;
    let refused = world.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    // Reads continue.
    assert_eq!(world.get("acme", "/v1/totals").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waited_in_vain_is_the_last_that_waits_for_a_while() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    let state = |state| world.set(MAP, &[("tenant_id", "acme")], "state", text(state));
    let timed = async || {
        let begun = tokio::time::Instant::now();
        (environment.post("acme", ORDER).await.status, begun.elapsed().as_millis() / 100)
    };
    state("fenced").await;
    // 2 s, in which the map is read every 100 ms; then none, for 10 to 20 s.
    assert_eq!(timed().await, (503, 20));
    assert_eq!(timed().await, (503, 0));
    state("active").await;
    assert_eq!(timed().await, (202, 0), "the map is read for each write");
    // The route of that write is fresh until then.
    tokio::time::sleep(TENANT_LEASE).await;
    state("fenced").await;
    assert_eq!(timed().await, (503, 20));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_marked_down_is_not_sent_to() {
    let world = StackWorld::new().await;
    world.post("acme", ORDER).await.id();
    world.set("cellstack-registry", &[("pk", "cell#alpha"), ("sk", "state")], "status", text("down")).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let refused = world.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str(), refused.header("retry-after")), (503, "unavailable", "30"));
    assert!(refused.body.contains("Idempotency-Key"), "{}", refused.body);
    let unread = world.get("acme", "/v1/totals").await;
    assert_eq!((unread.status, unread.header("retry-after")), (503, "30"), "{}", unread.body);
    assert!(!unread.body.contains("Idempotency-Key"), "a read is no event: {}", unread.body);
    assert_eq!(world.post("globex", ORDER).await.status, 202);
}

//! The lease: the time and the reader of each read of the map, and the time for which a response is good.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::{LOOKUP_TIMEOUT, PROBE_TIMEOUT, TENANT_LEASE};
use cellstack_emulator::{Fault, FaultId, FaultKind};
use futures::future::join_all;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::world::StackWorld;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const MAP: &str = "cellstack-tenant-map";
const REGISTRY: &str = "cellstack-registry";

fn map(world: &StackWorld, kind: FaultKind) -> FaultId {
    world.stack.aws().faults().inject(Fault::any("DynamoDB", kind).on(MAP))
}

fn control_plane(world: &StackWorld, kind: FaultKind) {
    map(world, kind.clone());
    world.stack.aws().faults().inject(Fault::any("DynamoDB", kind).on(REGISTRY));
}

fn slow(ms: u64) -> FaultKind {
    FaultKind::Latency(Duration::from_millis(ms))
}

#[tokio::test(start_paused = true)]
async fn of_many_who_want_a_tenant_looked_up_one_looks() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    let reads = map(&world, slow(50));
    for (round, source) in [(1, "map"), (2, "map")] {
        let responses = join_all((0..20).map(|_| environment.post("acme", ORDER))).await;
        assert!(responses.iter().all(|response| response.status == 202), "{responses:?}");
        assert_eq!(responses[0].header("x-route-source"), source);
        assert_eq!(world.stack.aws().faults().hits(reads), round, "first cold, then past the lease");
        tokio::time::sleep(TENANT_LEASE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_near_the_end_of_its_lease_is_read_again_beside_the_request() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(TENANT_LEASE * 9 / 10).await;
    // The cell's record has a shorter lease, and is read before this is measured.
    environment.get("globex", "/v1/totals").await;
    environment.get("acme", "/v1/route").await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let renewed = Instant::now();
    tokio::time::sleep(TENANT_LEASE * 9 / 10).await;
    environment.wire.take();
    let reads = map(&world, slow(300));
    let asked = Instant::now();
    let routes = join_all((0..5).map(|_| environment.get("acme", "/v1/route"))).await;
    assert!(routes.iter().all(|route| route.header("x-route-source") == "cache"));
    assert!(asked.elapsed() < Duration::from_millis(50), "the requests did not wait: {:?}", asked.elapsed());
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(world.stack.aws().faults().hits(reads), 1, "one reads for all of them");

    world.stack.aws().faults().clear();
    map(&world, FaultKind::ServerError);
    tokio::time::sleep(TENANT_LEASE / 2).await;
    assert!(renewed.elapsed() > TENANT_LEASE);
    assert_eq!(environment.post("acme", ORDER).await.header("x-route-source"), "cache", "the lease was renewed");
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_was_sent_before_a_request_does_not_serve_it() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(TENANT_LEASE * 9 / 10).await;
    environment.wire.delay_response("GetItem", Duration::from_millis(350));
    // This starts a lookup, which returns epoch 1 and on its way for a while.
    environment.get("acme", "/v1/route").await;
    tokio::time::sleep(Duration::from_millis(10)).await;

    world.move_tenant("acme", "alpha", "beta", 2).await;
    let moved = Environment::of(&world);
    let id = moved.post("acme", ORDER).await.id();
    let found = environment.get("acme", &format!("/v1/events/{id}")).await;
    assert_eq!((found.status, found.header("x-cell-id"), found.header("x-cell-epoch")), (200, "beta", "2"));
    // The old route does not come back with the late response.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(environment.get("acme", "/v1/route").await.header("x-cell-epoch"), "2");
}

#[tokio::test(start_paused = true)]
async fn while_the_map_hangs_a_warm_router_serves_and_few_requests_wait() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(TENANT_LEASE).await;
    control_plane(&world, FaultKind::Hang);
    let mut waited = Vec::new();
    for _ in 0..60 {
        let asked = Instant::now();
        let response = environment.post("acme", ORDER).await;
        assert_eq!((response.status, response.header("x-route-source")), (202, "stale"), "{}", response.body);
        waited.extend(Some(asked.elapsed()).filter(|took| *took > Duration::from_millis(50)));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // The map's time-out and the registry's. After that, only requests wait that find out whether the two are back.
    let (first, probes) = waited.split_first().unwrap();
    assert!(*first <= 2 * LOOKUP_TIMEOUT + Duration::from_millis(10), "{waited:?}");
    assert!(probes.iter().all(|took| *took <= 2 * PROBE_TIMEOUT + Duration::from_millis(10)), "{waited:?}");
    assert!(waited.len() <= 16, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn while_the_map_hangs_a_cold_router_says_so_soon_and_then_at_once() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    control_plane(&world, FaultKind::Hang);
    for longest in [1_200, 10, 10] {
        let asked = Instant::now();
        let response = environment.post("acme", ORDER).await;
        assert_eq!(
            (response.status, response.problem().as_str(), response.header("retry-after")),
            (503, "unavailable", "1")
        );
        assert_eq!(response.header("x-cell-id"), "", "no default cell");
        assert!(asked.elapsed() <= Duration::from_millis(longest), "{:?}", asked.elapsed());
    }
    world.stack.aws().faults().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(environment.post("acme", ORDER).await.status, 202, "back within a second of the map");
}

/// Lets the clocks be wrong in any way: the route is stale all the same, and the write is fenced.
#[tokio::test(start_paused = true)]
async fn a_freeze_or_a_jump_of_the_wall_clock_keeps_no_route_fresh() {
    let hour = 3_600_000;
    for jump in [0, hour, -hour, -1_000 * hour] {
        for freezes in [false, true] {
            let world = StackWorld::new().await;
            let environment = Environment::of(&world);
            environment.post("acme", ORDER).await.id();
            control_plane(&world, FaultKind::Reset);
            environment.clocks.jump(jump);
            // The router looks at its clocks between the jump and the freeze.
            environment.get("acme", "/v1/route").await;
            if freezes {
                environment.frozen(TENANT_LEASE).await;
            } else {
                tokio::time::sleep(TENANT_LEASE).await;
            }
            environment.wire.take();
            let response = environment.post("acme", ORDER).await;
            let case = format!("jump {jump} ms, frozen {freezes}: {}", response.body);
            assert_eq!((response.status, response.header("x-route-source")), (202, "stale"), "{case}");
            let writes: Vec<_> = environment.wire.take().into_iter().map(|sent| sent.operation).collect();
            assert!(writes.iter().any(|operation| operation == "TransactWriteItems"), "{case}: {writes:?}");
            assert!(writes.iter().all(|operation| operation != "PutItem"), "{case}: {writes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_can_not_be_read_is_its_own_tenants_trouble() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    let sideways = AttributeValue::S("sideways".to_owned());
    world.set(MAP, &[("tenant_id", "acme")], "state", sideways).await;
    for _ in 0..3 {
        assert_eq!(environment.post("acme", ORDER).await.status, 500);
    }
    assert_eq!(environment.post("globex", ORDER).await.status, 202, "the map responds, so it is called");
}

#[tokio::test(start_paused = true)]
async fn without_the_map_an_event_is_told_of_as_far_as_the_cell_knows() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    let id = environment.post("acme", ORDER).await.id();
    let key = format!("event#{id}");
    let carried = AttributeValue::S("carried".to_owned());
    world.set("cellstack-cell-alpha", &[("tenant_id", "acme"), ("sk", &key)], "status", carried).await;
    control_plane(&world, FaultKind::ServerError);
    let event = environment.get("acme", &format!("/v1/events/{id}")).await;
    assert_eq!((event.status, event.json()["status"].as_str()), (200, Some("carried")));
    let nobodys = environment.get("acme", "/v1/events/01930000-0000-7000-8000-000000000001").await;
    assert_eq!((nobodys.status, nobodys.problem().as_str()), (404, "unknown-event"));
}

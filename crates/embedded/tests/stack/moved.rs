//! Tenants that are moved while routers hold routes to their old cells, and a map that goes back.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::{CELL_LEASE, TENANT_LEASE};
use cellstack_core::{Epoch, TenantId};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::placement::{Order, Placed, Placement};

use crate::environment::Environment;
use crate::world::{Response, StackWorld};

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const MAP: &str = "cellstack-tenant-map";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn mark(world: &StackWorld, cell: &str, status: &str) {
    let cell = format!("cell#{cell}");
    world.set("cellstack-registry", &[("pk", &cell), ("sk", "state")], "status", text(status)).await;
    tokio::time::sleep(CELL_LEASE).await;
}

async fn call(environment: &Environment, request: &str) -> Response {
    match request {
        "post" => environment.post("acme", ORDER).await,
        path => environment.get("acme", path).await,
    }
}

fn operations(environment: &Environment) -> Vec<String> {
    environment.wire.take().into_iter().map(|sent| sent.operation).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_moved_out_of_a_cell_marked_down_is_served_at_once() {
    for status in ["down", "retired"] {
        let world = StackWorld::new().await;
        let environments: Vec<_> = (0..5).map(|_| Environment::of(&world)).collect();
        for environment in &environments {
            environment.post("acme", ORDER).await.id();
        }
        mark(&world, "alpha", status).await;
        for environment in &environments {
            assert_eq!(call(environment, "post").await.status, 503);
        }
        world.move_tenant("acme", "alpha", "beta", 2).await;
        let id = Environment::of(&world).post("acme", ORDER).await.id();
        let event = format!("/v1/events/{id}");
        let requests = ["post", &event, "/v1/events", "/v1/totals", "/v1/route"];
        for (environment, request) in environments.iter().zip(requests) {
            let response = call(environment, request).await;
            assert!(matches!(response.status, 200 | 202), "{status} {request}: {}", response.body);
            assert_eq!(
                (response.header("x-cell-id"), response.header("x-cell-epoch")),
                ("beta", "2"),
                "{status} {request}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_marked_down_is_told_of_without_the_map_too() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    mark(&world, "alpha", "down").await;
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::ServerError).on(MAP));
    for request in ["post", "/v1/events/01930000-0000-7000-8000-000000000001", "/v1/events", "/v1/totals"] {
        let response = call(&environment, request).await;
        assert_eq!((response.status, response.header("retry-after")), (503, "30"), "{request}: {}", response.body);
        assert_eq!(response.header("x-route-source"), "stale", "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_a_tenant_that_moves_is_that_of_the_cell_it_is_in() {
    for state in ["moving", "fenced"] {
        for request in ["/v1/events", "/v1/totals"] {
            let world = StackWorld::new().await;
            let environment = Environment::of(&world);
            world.set(MAP, &[("tenant_id", "acme")], "state", text(state)).await;
            assert_eq!(call(&environment, request).await.header("x-cell-id"), "alpha");
            tokio::time::sleep(Duration::from_secs(1)).await;
            let gone = world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on(MAP));
            let unsure = call(&environment, request).await;
            assert_eq!((unsure.status, unsure.header("x-route-source")), (200, "stale"), "{}", unsure.body);
            world.stack.aws().faults().remove(gone);
            tokio::time::sleep(Duration::from_secs(1)).await;

            world.move_tenant("acme", "alpha", "beta", 2).await;
            let now = call(&environment, request).await;
            assert_eq!((now.status, now.header("x-cell-id"), now.header("x-cell-epoch")), (200, "beta", "2"));
            // A fresh and active route needs no look at the map.
            environment.wire.take();
            assert_eq!(call(&environment, request).await.header("x-route-source"), "cache");
            assert_eq!(operations(&environment), ["Query"], "{state} {request}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_route_that_the_map_goes_back_on_nothing_is_written_without_its_fence() {
    let world = StackWorld::new().await;
    world.move_tenant("acme", "alpha", "beta", 3).await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    // A map that was restored from a backup says this.
    let entry = [("tenant_id", "acme")];
    world.set(MAP, &entry, "cell_id", text("alpha")).await;
    world.set(MAP, &entry, "epoch", AttributeValue::N("1".to_owned())).await;
    tokio::time::sleep(TENANT_LEASE).await;
    environment.wire.take();
    for _ in 0..3 {
        let response = environment.post("acme", ORDER).await;
        assert_eq!((response.status, response.header("x-cell-id")), (202, "beta"), "{}", response.body);
        assert_eq!((response.header("x-cell-epoch"), response.header("x-route-source")), ("3", "stale"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let sent = operations(&environment);
    assert!(!sent.iter().any(|operation| operation == "PutItem"), "{sent:?}");
    // Nothing is written either when the tenant continues in another cell meanwhile: the fence has the last word.
    world.set_fence("cellstack-cell-beta", "acme", "state", text("closed")).await;
    assert_eq!(environment.post("acme", ORDER).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_comes_back_starts_above_what_its_fence_has_seen() {
    let world = StackWorld::new().await;
    let (client, acme): (_, TenantId) = (world.stack.dynamodb(), "acme".parse().unwrap());
    let placement = Placement { client: &client, map_table: MAP, registry: "cellstack-registry", operator: "test" };
    let home = world.stack.site(&"alpha".parse().unwrap());
    let order = Order { tenant: &acme, home, standby: None, weight: 1, pinned: false };
    let place = async || {
        client.delete_item().table_name(MAP).key("tenant_id", text("acme")).send().await.unwrap();
        let placed = placement.place(&order, 1).await.unwrap();
        let Placed::New(entry) = placed else { panic!("{placed:?}") };
        entry.route.epoch
    };
    // An open fence is what a placement that crashed leaves.
    assert_eq!(place().await, Epoch(1));
    world.set_fence("cellstack-cell-alpha", "acme", "state", text("closed")).await;
    assert_eq!(place().await, Epoch(2));
    assert_eq!(place().await, Epoch(2));
    world.set_fence("cellstack-cell-alpha", "acme", "epoch", AttributeValue::N("7".to_owned())).await;
    world.set_fence("cellstack-cell-alpha", "acme", "state", text("standby")).await;
    assert_eq!(place().await, Epoch(8));

    // Its events are accepted, with the fence and without.
    let environment = Environment::of(&world);
    assert_eq!(environment.post("acme", ORDER).await.header("x-cell-epoch"), "8");
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on(MAP));
    tokio::time::sleep(TENANT_LEASE).await;
    let fenced = environment.post("acme", ORDER).await;
    assert_eq!((fenced.status, fenced.header("x-route-source")), (202, "stale"), "{}", fenced.body);
}

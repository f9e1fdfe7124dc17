//! A cell that is marked down, and the cell that takes its tenants' new events meanwhile.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::CELL_LEASE;
use cellstack_emulator::{Fault, FaultKind};
use cellstack_router::Standby;

use crate::environment::Environment;
use crate::world::{Response, StackWorld};

pub(crate) const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
pub(crate) const NOBODYS: &str = "/v1/events/01930000-0000-7000-8000-000000000001";

/// Makes beta stand by for acme, which is at home in alpha.
pub(crate) async fn stand_by() -> (StackWorld, Environment) {
    let world = appointed().await;
    let environment = Environment::of(&world);
    (world, environment)
}

pub(crate) async fn appointed() -> StackWorld {
    let world = StackWorld::new().await;
    world.stack.appoint_standby(&"acme".parse().unwrap(), &"beta".parse().unwrap()).await.unwrap();
    world
}

/// Marks alpha, and waits until every router knows.
pub(crate) async fn mark(world: &StackWorld, status: &str) {
    mark_now(world, status).await;
    tokio::time::sleep(CELL_LEASE).await;
}

/// Marks alpha.
pub(crate) async fn mark_now(world: &StackWorld, status: &str) {
    let state = [("pk", "cell#alpha"), ("sk", "state")];
    world.set("cellstack-registry", &state, "status", AttributeValue::S(status.to_owned())).await;
    world.set("cellstack-registry", &state, "down_at", AttributeValue::N("1".to_owned())).await;
}

pub(crate) fn unavailable(response: &Response) {
    assert_eq!((response.status, response.problem().as_str()), (503, "unavailable"), "{}", response.body);
}

pub(crate) async fn events(world: &StackWorld, cell: &str) -> usize {
    world.items(cell).await.iter().filter(|item| item.starts_with("event#")).count()
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_processes_does_so_while_the_cell_is_marked_down_and_both_are_read_after() {
    let world = appointed().await;
    let environment = Environment::with(&world, |settings| settings.standby = Standby::Process);
    let before = environment.post("acme", ORDER).await;
    assert_eq!(before.header("x-cell-id"), "alpha");
    let before = before.id();

    mark(&world, "down").await;
    let meanwhile = environment.post("acme", ORDER).await;
    assert_eq!((meanwhile.status, meanwhile.header("x-cell-id")), (202, "beta"), "{}", meanwhile.body);
    let meanwhile = meanwhile.id();
    let path = |id: &str| format!("/v1/events/{id}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let found = environment.get("acme", &path(&meanwhile)).await;
    assert_eq!((found.status, found.header("x-cell-id")), (200, "beta"));
    assert_eq!(found.json()["status"], "processed", "the standby's pipeline is at work");
    // An event that is not in the standby may be in the cell that nobody can ask.
    unavailable(&environment.get("acme", &path(&before)).await);
    unavailable(&environment.get("acme", NOBODYS).await);
    unavailable(&environment.get("acme", "/v1/totals").await);
    let list = environment.get("acme", "/v1/events").await.json();
    assert_eq!((&list["events"][0]["cell"], &list["missing_cells"][0]), (&"beta".into(), &"alpha".into()));
    let route = environment.get("acme", "/v1/route").await.json();
    assert_eq!((&route["new_events"]["cell_id"], &route["new_events"]["status"]), (&"beta".into(), &"accepted".into()));

    mark(&world, "active").await;
    let after = environment.post("acme", ORDER).await;
    assert_eq!(after.header("x-cell-id"), "alpha");
    let after = after.id();
    for (id, cell) in [(&before, "alpha"), (&meanwhile, "beta"), (&after, "alpha")] {
        let found = environment.get("acme", &path(id)).await;
        assert_eq!((found.status, found.header("x-cell-id")), (200, cell));
    }
    assert_eq!(environment.get("acme", NOBODYS).await.problem(), "unknown-event");
    let list = environment.get("acme", "/v1/events").await.json();
    let mut listed: Vec<_> = list["events"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    listed.reverse();
    let mut ids = [before, meanwhile, after];
    ids.sort_unstable();
    assert_eq!(listed, ids, "one list of both cells");
}

#[tokio::test(start_paused = true)]
async fn a_named_event_of_the_standby_is_found_again_while_the_cell_is_down_and_after() {
    let (world, environment) = stand_by().await;
    environment.post("acme", ORDER).await.id();
    mark(&world, "down").await;
    let first = environment.post_named("acme", "order-1", ORDER).await;
    assert_eq!((first.status, first.header("x-cell-id")), (202, "beta"));
    for status in ["down", "active", "draining"] {
        mark(&world, status).await;
        // Cold or warm.
        for environment in [&environment, &Environment::of(&world)] {
            let again = environment.post_named("acme", "order-1", ORDER).await;
            assert_eq!((again.status, &again.body), (202, &first.body), "{status}");
            assert_eq!(again.header("idempotency-replayed"), "true", "{status}");
            let other = environment.post_named("acme", "order-1", r#"{"type":"order.paid"}"#).await;
            assert_eq!(other.problem(), "idempotency-conflict", "{status}");
        }
    }
    assert_eq!((events(&world, "alpha").await, events(&world, "beta").await), (1, 1));
    // A standby that can't be asked does not hold up the tenant's own cell.
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::ServerError).on("cellstack-cell-beta"));
    assert_eq!(environment.post_named("acme", "order-2", ORDER).await.header("x-cell-id"), "alpha");
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_only_fails_is_not_stood_in_for() {
    for kind in [FaultKind::Hang, FaultKind::ServerError, FaultKind::Reset] {
        let (world, environment) = stand_by().await;
        environment.post("acme", ORDER).await.id();
        world.stack.aws().faults().inject(Fault::any("DynamoDB", kind).on("cellstack-cell-alpha"));
        for _ in 0..5 {
            unavailable(&environment.post("acme", ORDER).await);
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(events(&world, "beta").await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_of_another_epoch_or_another_state_takes_nothing() {
    for (attribute, value) in [
        ("epoch", AttributeValue::N("2".to_owned())),
        ("state", AttributeValue::S("closed".to_owned())),
        ("state", AttributeValue::S("open".to_owned())),
    ] {
        let (world, environment) = stand_by().await;
        world.set_fence("cellstack-cell-beta", "acme", attribute, value).await;
        mark(&world, "down").await;
        unavailable(&environment.post("acme", ORDER).await);
        assert_eq!(events(&world, "beta").await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_retired_is_not_stood_in_for() {
    let (world, environment) = stand_by().await;
    mark(&world, "retired").await;
    unavailable(&environment.post("acme", ORDER).await);
    assert_eq!(events(&world, "beta").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_standby_waits_for_its_cell() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    mark(&world, "down").await;
    unavailable(&environment.post("acme", ORDER).await);
    unavailable(&environment.get("acme", NOBODYS).await);
    assert_eq!(environment.post("globex", ORDER).await.status, 202);
}

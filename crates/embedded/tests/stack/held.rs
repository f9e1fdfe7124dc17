//! Events that a standby holds while a cell is marked down, and after.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::Clock as _;
use cellstack_core::limits::CELL_LEASE;
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::carry::note_end;
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::standby::{NOBODYS, ORDER, events, mark, mark_now, stand_by, unavailable};
use crate::world::{Response, StackWorld};

const OTHER: &str = r#"{"type":"order.paid"}"#;

fn path(id: &str) -> String {
    format!("/v1/events/{id}")
}

/// Returns all of the tenant's events, and the cells that are missing.
async fn list(environment: &Environment, query: &str) -> (Vec<Value>, Value) {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..20 {
        let page = environment.get("acme", &format!("/v1/events?limit=20{query}{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        all.extend(page["events"].as_array().unwrap().iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (all, page["missing_cells"].clone()),
        }
    }
    panic!("the listing has no end")
}

fn replayed(response: &Response, first: &Response) {
    assert_eq!((response.status, &response.body), (202, &first.body));
    assert_eq!(response.header("idempotency-replayed"), "true");
}

/// Asserts that each of a tenant's events of the standby is held, and that none has an effect.
async fn nothing_is_processed(world: &StackWorld, held: usize) {
    let items =
        world.stack.dynamodb().scan().table_name("cellstack-cell-beta").send().await.unwrap().items.unwrap_or_default();
    let of_acme: Vec<_> = items.iter().filter(|item| item["tenant_id"].as_s().unwrap() == "acme").collect();
    let events: Vec<_> = of_acme.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("event#")).collect();
    assert_eq!(events.len(), held);
    assert!(events.iter().all(|item| item["status"].as_s().unwrap() == "held"), "{events:?}");
    assert!(!of_acme.iter().any(|item| item["sk"].as_s().unwrap().starts_with("total#")));
    assert!(world.peek("cellstack-cell-beta-events").is_empty());
}

#[tokio::test(start_paused = true)]
async fn for_ten_minutes_a_standby_holds_what_comes_and_it_stays_found_after() {
    let (world, environment) = stand_by().await;
    let landed = environment.post_named("acme", "order-0", ORDER).await;
    let before = environment.post("acme", ORDER).await.id();
    world.processed("acme", &before).await;
    world.processed("acme", &landed.id()).await;

    mark(&world, "down").await;
    let mut firsts = Vec::new();
    for n in 1..=60 {
        let name = format!("order-{n}");
        let first = environment.post_named("acme", &name, ORDER).await;
        assert_eq!((first.status, first.header("x-cell-id")), (202, "beta"), "{}", first.body);
        assert_eq!(environment.get("acme", &path(&first.id())).await.json()["status"], "held");
        replayed(&environment.post_named("acme", &name, ORDER).await, &first);
        firsts.push((name, first));
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    // The cell has this one, and nobody can look: it is held under its own id, and dropped on its way home.
    let again = environment.post_named("acme", "order-0", ORDER).await;
    assert_eq!((again.status, again.id()), (202, landed.id()));
    nothing_is_processed(&world, 61).await;
    let (listed, missing) = list(&environment, "").await;
    assert_eq!((listed.len(), missing), (61, json!(["alpha"])));
    assert!(listed.iter().all(|event| event["status"] == "held" && event["cell"] == "beta"), "{listed:?}");
    assert_eq!(list(&environment, "&status=held").await.0.len(), 61);
    assert_eq!(list(&environment, "&status=processed").await.0.len(), 0);
    for unknown in [path(&before), "/v1/totals".to_owned()] {
        let response = environment.get("acme", &unknown).await;
        unavailable(&response);
        assert_eq!(response.header("retry-after"), "30");
    }

    mark(&world, "recovering").await;
    let meanwhile = environment.post_named("acme", "order-61", ORDER).await;
    assert_eq!((meanwhile.status, meanwhile.header("x-cell-id")), (202, "beta"));
    firsts.push(("order-61".to_owned(), meanwhile));
    let check = async |held: usize, own: usize| {
        for (name, first) in firsts.iter().chain([&("order-0".to_owned(), landed.clone())]) {
            for environment in [&environment, &Environment::of(&world)] {
                replayed(&environment.post_named("acme", name, ORDER).await, first);
            }
            assert_eq!(environment.post_named("acme", name, OTHER).await.problem(), "idempotency-conflict");
        }
        for (id, cell, status) in
            [(&before, "alpha", "processed"), (&landed.id(), "alpha", "processed"), (&firsts[0].1.id(), "beta", "held")]
        {
            let found = environment.get("acme", &path(id)).await;
            assert_eq!((found.header("x-cell-id"), found.json()["status"].as_str()), (cell, Some(status)));
        }
        let (listed, missing) = list(&environment, "").await;
        assert_eq!(missing, Value::Null);
        let (there, here): (Vec<_>, Vec<_>) = listed.into_iter().partition(|event| event["cell"] == "beta");
        assert_eq!((there.len(), here.len()), (held, own));
        assert!(
            there.iter().all(|event| event["status"] == "held") && here.iter().all(|event| event["cell"].is_null())
        );
        assert_eq!(environment.get("acme", "/v1/totals").await.json()["totals"][0]["count"], 2);
        nothing_is_processed(&world, held + 1).await;
    };
    check(61, 2).await;

    mark(&world, "active").await;
    check(61, 2).await;
    let after = environment.post("acme", ORDER).await;
    assert_eq!(after.header("x-cell-id"), "alpha");
    world.processed("acme", &after.id()).await;
    nothing_is_processed(&world, 62).await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_recovers_and_can_not_be_read_holds_up_no_event() {
    let (world, environment) = stand_by().await;
    let first = environment.post_named("acme", "order-1", ORDER).await;
    mark(&world, "recovering").await;
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::ServerError).on("cellstack-cell-alpha"));
    let repeat = environment.post_named("acme", "order-1", ORDER).await;
    assert_eq!((repeat.id(), repeat.header("x-cell-id")), (first.id(), "beta"));
    let held = environment.post("acme", ORDER).await.id();
    assert_eq!(environment.get("acme", &path(&held)).await.json()["status"], "held");
    unavailable(&environment.get("acme", "/v1/events").await);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_standby_has_nothing_to_wait_for_when_its_cell_recovers() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    mark(&world, "recovering").await;
    let accepted = environment.post("acme", ORDER).await;
    assert_eq!((accepted.status, accepted.header("x-cell-id")), (202, "alpha"));
    world.processed("acme", &accepted.id()).await;
}

/// A standby whose fence is closed stops a router that still takes the cell to be down.
#[tokio::test(start_paused = true)]
async fn a_standby_that_is_closed_sends_routers_home_at_once() {
    let (world, environment) = stand_by().await;
    mark(&world, "recovering").await;
    environment.post("acme", ORDER).await.id();
    let (state, closed) = ([("pk", "cell#alpha"), ("sk", "state")], AttributeValue::S("closed".to_owned()));
    world.set_fence("cellstack-cell-beta", "acme", "state", closed).await;
    unavailable(&environment.post("acme", ORDER).await);
    world.set("cellstack-registry", &state, "status", AttributeValue::S("active".to_owned())).await;
    assert!(CELL_LEASE > Duration::ZERO, "the router still knows it as recovering");
    // The map is out of reach, too.
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-tenant-map"));
    let home = environment.post("acme", ORDER).await;
    assert_eq!((home.status, home.header("x-cell-id")), (202, "alpha"), "{}", home.body);
    assert_eq!(events(&world, "beta").await, 1);
}

/// A router that was frozen while its cell was down, and can't read the registry when it thaws, has no word but the standby's.
#[tokio::test(start_paused = true)]
async fn a_standby_that_knows_the_mark_down_to_have_ended_sends_routers_home() {
    for (ended, cell) in [(None, "beta"), (Some(2), "beta"), (Some(1), "alpha")] {
        let (world, environment) = stand_by().await;
        mark(&world, "down").await;
        assert_eq!(environment.post("acme", ORDER).await.header("x-cell-id"), "beta");
        mark_now(&world, "active").await;
        if let Some(down_at) = ended {
            let (client, alpha) = (world.stack.dynamodb(), "alpha".parse().unwrap());
            note_end(&client, "cellstack-cell-beta", &alpha, down_at, world.stack.clock().wall_ms()).await.unwrap();
        }
        // By a fresh record it is held: the end of a mark-down counts only where the registry does not.
        assert_eq!(environment.post("acme", ORDER).await.header("x-cell-id"), "beta");
        world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-registry"));
        tokio::time::sleep(Duration::from_secs(600)).await;
        let thawed = environment.post_named("acme", "order-1", ORDER).await;
        assert_eq!((thawed.status, thawed.header("x-cell-id")), (202, cell), "{ended:?}: {}", thawed.body);
        replayed(&environment.post_named("acme", "order-1", ORDER).await, &thawed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_marked_down_itself_is_named_as_missing() {
    let (world, environment) = stand_by().await;
    mark(&world, "down").await;
    let held = environment.post("acme", ORDER).await.id();
    mark(&world, "active").await;
    let state = [("pk", "cell#beta"), ("sk", "state")];
    world.set("cellstack-registry", &state, "status", AttributeValue::S("down".to_owned())).await;
    tokio::time::sleep(CELL_LEASE).await;
    let id = environment.post("acme", ORDER).await.id();
    let (listed, missing) = list(&environment, "").await;
    assert_eq!((listed[0]["id"].as_str(), listed.len(), missing), (Some(id.as_str()), 1, json!(["beta"])));
    let unread = environment.get("acme", &path(&held)).await;
    unavailable(&unread);
    assert_eq!(unread.header("retry-after"), "30");
}

/// A standby that fails must hurt no tenant whose cell is up and whose events are home.
#[tokio::test(start_paused = true)]
async fn once_all_is_home_a_tenant_does_not_need_its_standby() {
    let (world, environment) = stand_by().await;
    mark(&world, "down").await;
    environment.post("acme", ORDER).await;
    mark(&world, "active").await;
    let faults = world.stack.aws().faults();
    let failure = faults.inject(Fault::any("DynamoDB", FaultKind::ServerError).on("cellstack-cell-beta"));
    unavailable(&environment.get("acme", "/v1/events").await);
    unavailable(&environment.get("acme", NOBODYS).await);

    let state = [("pk", "cell#alpha"), ("sk", "state")];
    let of_another = AttributeValue::N("0".to_owned());
    world.set("cellstack-registry", &state, "carried_down_at", of_another).await;
    tokio::time::sleep(CELL_LEASE).await;
    unavailable(&environment.get("acme", "/v1/events").await);

    // The time that `mark` gives the mark-down.
    world.set("cellstack-registry", &state, "carried_down_at", AttributeValue::N("1".to_owned())).await;
    tokio::time::sleep(CELL_LEASE).await;
    let calls = faults.hits(failure);
    let first = environment.post_named("acme", "order-1", ORDER).await;
    replayed(&environment.post_named("acme", "order-1", ORDER).await, &first);
    assert_eq!(list(&environment, "").await.0.len(), 1);
    assert_eq!(faults.hits(failure), calls);
    assert_eq!(environment.get("acme", NOBODYS).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_route_says_where_new_events_go() {
    let (world, environment) = stand_by().await;
    let (home, standby) =
        (json!({ "cell_id": "alpha", "status": "accepted" }), json!({ "cell_id": "beta", "status": "held" }));
    for (status, new_events) in [
        ("active", &home),
        ("draining", &home),
        ("down", &standby),
        ("recovering", &standby),
        ("retired", &Value::Null),
    ] {
        mark(&world, status).await;
        let route = environment.get("acme", "/v1/route").await;
        assert_eq!((route.status, route.header("x-cell-id")), (200, "alpha"));
        let route = route.json();
        assert_eq!((&route["cell_status"], &route["new_events"]), (&json!(status), new_events), "{route}");
        assert_eq!((&route["standby_cell_id"], &route["state"]), (&json!("beta"), &json!("active")));
    }
    // Fields that can't be read are left out.
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-registry"));
    let route = Environment::of(&world).get("acme", "/v1/route").await;
    assert_eq!((route.status, &route.json()["cell_status"]), (200, &Value::Null), "{}", route.body);
}

//! Placement on first sight: the router requests a cell for a tenant that has none, and the placer places it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::cell_table::Item;
use cellstack_core::placement_request::{PlacementRequest, RequestState};
use cellstack_embedded::function_url::FunctionUrl;
use cellstack_embedded::names::{placement_requests, registry, tenant_map};
use cellstack_placer::{OPERATOR, Placer};
use cellstack_router::{Router, Settings, TenantSource};
use cellstack_store::tenant_map::TenantEntry;
use futures::future::join_all;

use crate::world::{Response, StackWorld, ask, builder, order};

pub(crate) const EVENT: &str = r#"{"type":"order","data":{"amount":1}}"#;

pub(crate) async fn world() -> StackWorld {
    StackWorld { stack: builder().first_sight().build().await.unwrap() }
}

/// Returns a placer over the same stack.
pub(crate) fn placer(world: &StackWorld) -> Placer {
    let settings = cellstack_placer::Settings {
        tenant_map_table: tenant_map(),
        registry_table: registry(),
        placement_requests_table: placement_requests(),
        stack: None,
    };
    Placer::new(world.stack.dynamodb(), settings, world.stack.clock().clone())
}

/// Returns all items of a table.
pub(crate) async fn items(world: &StackWorld, table: String) -> Vec<Item> {
    world.stack.dynamodb().scan().table_name(table).send().await.unwrap().items.unwrap_or_default()
}

/// Returns the tenants that were placed on first sight, without those of the world.
pub(crate) async fn placed(world: &StackWorld) -> Vec<TenantEntry> {
    let entries = items(world, tenant_map()).await.into_iter().map(|item| TenantEntry::from_item(item).unwrap());
    entries.filter(|entry| entry.updated_by == OPERATOR).collect()
}

pub(crate) async fn requests(world: &StackWorld) -> Vec<PlacementRequest> {
    let items = items(world, placement_requests()).await;
    items.into_iter().map(|item| serde_dynamo::from_item(item).unwrap()).collect()
}

/// Returns the registry's counts: the sum of the cells' tenants, and of the pairs'.
pub(crate) async fn counts(world: &StackWorld) -> (u64, u64) {
    let count = |prefix: &str, items: &[Item]| {
        let of = items.iter().filter(|item| item["pk"].as_s().unwrap().starts_with(prefix));
        of.filter_map(|item| item.get("tenants")?.as_n().ok()?.parse::<u64>().ok()).sum()
    };
    let items = items(world, registry()).await;
    (count("cell#", &items), count("pair#", &items))
}

/// Returns the scopes and reasons of the audit trail's entries by the placer.
async fn audited(world: &StackWorld) -> Vec<(String, String, String)> {
    let text = |item: &Item, name: &str| item.get(name).map_or(String::new(), |value| value.as_s().unwrap().clone());
    let entries = items(world, registry()).await.into_iter().filter(|item| text(item, "who") == OPERATOR);
    // Two entries of one millisecond come in any order.
    let entries: BTreeSet<_> =
        entries.map(|item| (text(&item, "phase"), text(&item, "scope"), text(&item, "why"))).collect();
    entries.into_iter().collect()
}

/// Returns another router over the same stack.
fn router(world: &StackWorld, first_sight: bool) -> FunctionUrl {
    let settings = Settings {
        placement_requests_table: first_sight.then(placement_requests),
        ..Settings::new(tenant_map(), registry(), TenantSource::Header)
    };
    let clock = world.stack.clock();
    FunctionUrl::new(Arc::new(Router::new(world.stack.config(), settings, clock.clone())), clock.clone())
}

async fn set_capacity(world: &StackWorld, cell: &str, capacity: u64) {
    let key = [("pk", &*format!("cell#{cell}")), ("sk", "config")];
    world.set(&registry(), &key, "capacity", AttributeValue::N(capacity.to_string())).await;
}

/// Waits for the time that a response names.
async fn wait(response: &Response) {
    tokio::time::sleep(Duration::from_secs(response.header("retry-after").parse().unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_tenant_is_placed_by_the_rule_and_served_at_its_next_try() {
    let world = world().await;
    let first = world.post_named("hooli", Some("first"), EVENT).await;
    assert_eq!((first.status, first.problem().as_str(), first.header("retry-after")), (503, "being-placed", "1"));
    wait(&first).await;
    let served = world.post_named("hooli", Some("first"), EVENT).await;
    world.processed("hooli", &served.id()).await;
    assert_eq!(world.total("hooli", "order").await, (1, 1.0));

    let placed = placed(&world).await;
    let [entry] = placed.as_slice() else { panic!("{placed:?}") };
    assert_eq!((entry.route.tenant_id.as_str(), entry.weight, entry.pinned), ("hooli", 1, false));
    assert!(entry.route.standby_cell_id.is_some(), "{entry:?}");
    assert_eq!(served.header("x-cell-id"), entry.route.cell_id.as_str());
    assert_eq!(counts(&world).await, (4, 1), "three tenants without a standby were there");
    assert_eq!(requests(&world).await, [], "the request is settled");
    let request = format!("first sight, request {}", first.header("x-request-id"));
    let run = |phase: &str| (phase.to_owned(), "hooli".to_owned(), request.clone());
    assert_eq!(audited(&world).await, [run("began"), run("ended")]);
}

#[tokio::test(start_paused = true)]
async fn fifty_tenants_at_two_routers_fill_thirty_places_and_the_others_learn_why_not() {
    const PLACES: usize = 30;
    let world = world().await;
    for (cell, capacity) in [("alpha", 8), ("beta", 12), ("gamma", 13)] {
        set_capacity(&world, cell, capacity).await;
    }
    let urls = [world.stack.url().clone(), router(&world, true)];
    let tenants: Vec<String> = (0..50).map(|tenant| format!("new-{tenant}")).collect();
    let served = join_all(tenants.iter().enumerate().map(|(at, tenant)| {
        let urls = &urls;
        async move {
            for try_ in at..at + 12 {
                let response = ask(&urls[try_ % 2], order(tenant, Some("first"), EVENT)).await;
                match (
                    response.status,
                    response.header("content-type").ends_with("problem+json").then(|| response.problem()).as_deref(),
                ) {
                    (202, _) => return true,
                    (503, Some("no-capacity")) => {
                        assert_eq!(response.header("retry-after"), "30");
                        return false;
                    }
                    (503, Some("being-placed")) => wait(&response).await,
                    _ => panic!("{tenant}: {response:?}"),
                }
            }
            panic!("{tenant} was neither placed nor refused")
        }
    }))
    .await;
    assert_eq!(served.iter().filter(|served| **served).count(), PLACES);
    let entries = placed(&world).await;
    let names: BTreeSet<_> = entries.iter().map(|entry| entry.route.tenant_id.as_str().to_owned()).collect();
    assert_eq!((entries.len(), names.len()), (PLACES, PLACES));
    assert_eq!(counts(&world).await, (3 + PLACES as u64, PLACES as u64));
    assert_eq!(audited(&world).await.len(), 2 * PLACES, "a tenant without a cell leaves no trace in the trail");
    let refused = requests(&world).await;
    assert_eq!(refused.len(), 20);
    for request in refused {
        assert_eq!(request.state, RequestState::NoCapacity, "{request:?}");
        assert!(request.reason.unwrap().contains("no active cell has room"), "the reason is on record");
    }

    // Room that is made later is found without an operator's hand.
    set_capacity(&world, "beta", 100).await;
    let late = tenants.iter().zip(&served).find(|(_, served)| !**served).unwrap().0;
    tokio::time::sleep(Duration::from_secs(31)).await;
    let again = world.post_named(late, Some("first"), EVENT).await;
    assert_eq!(again.problem(), "being-placed");
    wait(&again).await;
    assert_eq!(world.post_named(late, Some("first"), EVENT).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_an_unknown_tenant_gets_404_and_nothing_is_written() {
    let world = world().await;
    let url = router(&world, false);
    let before = world.calls("PutItem");
    for _ in 0..3 {
        let response = ask(&url, order("hooli", Some("first"), EVENT)).await;
        assert_eq!((response.status, response.problem().as_str()), (404, "unknown-tenant"));
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert_eq!(world.calls("PutItem"), before);
    assert_eq!((placed(&world).await, requests(&world).await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_read_of_an_unknown_tenant_gets_404_and_places_nothing() {
    let world = world().await;
    for path in ["/v1/events", "/v1/totals", "/v1/route"] {
        let response = world.get("hooli", path).await;
        assert_eq!((response.status, response.problem().as_str()), (404, "unknown-tenant"), "{path}");
    }
    assert_eq!((placed(&world).await, requests(&world).await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_an_operator_removed_stays_removed() {
    let world = world().await;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    world.set(&tenant_map(), &[("tenant_id", "acme")], "state", text("removed")).await;
    let response = world.post("acme", EVENT).await;
    assert_eq!((response.status, response.problem().as_str()), (404, "unknown-tenant"));
    // A probe's tenant has no cell of its own.
    let response = world.post("cellstack-probe", EVENT).await;
    assert_eq!((response.status, response.problem().as_str()), (404, "unknown-tenant"));
    assert_eq!((placed(&world).await, requests(&world).await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_batch_requests_a_cell_for_each_unknown_tenant() {
    let world = world().await;
    let event = |id: u32, tenant: &str| {
        serde_json::json!({ "specversion": "1.0", "id": id.to_string(), "source": "/shop", "type": "order",
            "tenantid": tenant, "data": { "amount": 1 } })
    };
    let body = serde_json::json!([event(1, "hooli"), event(2, "hooli")]).to_string();
    let batch = || {
        let request = hyper::Request::post("/v1/events").header("x-tenant-id", "hooli");
        request.header("content-type", "application/cloudevents-batch+json").body(body.clone().into()).unwrap()
    };
    let first = world.send(batch()).await;
    let verdicts = first.json()["results"].as_array().unwrap().clone();
    for verdict in &verdicts {
        assert_eq!(verdict["problem"]["type"], "urn:cellstack:problem:being-placed", "{verdict}");
    }
    assert_eq!((verdicts.len(), first.header("retry-after")), (2, "1"));
    wait(&first).await;
    assert_eq!(world.send(batch()).await.status, 200);
    assert_eq!(placed(&world).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_keeps_asking_costs_a_write_in_five_seconds_and_a_known_one_nothing() {
    let mut world = world().await;
    world.stack.drop_mappings();
    world.post("acme", EVENT).await;
    let requests_before = world.calls("PutItem");
    for _ in 0..80 {
        assert_eq!(world.post("hooli", EVENT).await.problem(), "being-placed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let made = world.calls("PutItem") - requests_before;
    assert!((1..=3).contains(&made), "{made} writes in eight seconds");

    let (reads, writes) = (world.calls("GetItem"), world.calls("PutItem"));
    assert_eq!(world.post("acme", EVENT).await.status, 202);
    assert_eq!((world.calls("GetItem") - reads, world.calls("PutItem") - writes), (0, 1), "its event alone");
}

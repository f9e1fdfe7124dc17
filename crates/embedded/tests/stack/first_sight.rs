//! Placement on first sight: the router requests a cell for a tenant that has none, and the placer places it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::cell_table::Item;
use cellstack_embedded::names::{placement_requests, registry, tenant_map};
use futures::future::join_all;
use serde_json::json;

use crate::world::{Response, StackWorld, builder};

const EVENT: &str = r#"{"type":"order","data":{"amount":1}}"#;

async fn world() -> StackWorld {
    StackWorld { stack: builder().first_sight().build().await.unwrap() }
}

/// Returns all items of a table.
async fn items(world: &StackWorld, table: String) -> Vec<Item> {
    world.stack.dynamodb().scan().table_name(table).send().await.unwrap().items.unwrap_or_default()
}

/// Posts an event until it is not told to come again, or `tries` are over.
async fn post_until_served(world: &StackWorld, tenant: &str, tries: usize) -> Response {
    let mut response = world.post_named(tenant, Some("first"), EVENT).await;
    for _ in 1..tries {
        if response.status != 503 || response.problem() == "no-capacity" {
            break;
        }
        let after: u64 = response.header("retry-after").parse().unwrap();
        tokio::time::sleep(Duration::from_secs(after)).await;
        response = world.post_named(tenant, Some("first"), EVENT).await;
    }
    response
}

#[tokio::test(start_paused = true)]
async fn an_unknown_tenant_is_placed_by_the_rule_and_served_at_its_next_try() {
    let world = world().await;
    let first = world.post_named("hooli", Some("first"), EVENT).await;
    assert_eq!((first.status, first.problem().as_str()), (503, "being-placed"), "{}", first.body);
    assert_eq!(first.header("retry-after"), "1");
    let served = post_until_served(&world, "hooli", 3).await;
    assert_eq!(served.status, 202, "{}", served.body);
    world.processed("hooli", &served.id()).await;
    assert_eq!(world.total("hooli", "order").await, (1, 1.0));
    assert_eq!(items(&world, placement_requests()).await, [], "the request is settled");
    assert_eq!(json!(served.header("x-cell-id")), json!("alpha"));
}

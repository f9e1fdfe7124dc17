//! `GET /v1/events`: pages, filters, and cursors that are used where they don't belong.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::world::StackWorld;

const PLACED: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const PAID: &str = r#"{"type":"order.paid","data":{"amount":1}}"#;
/// An event that the processor refuses.
const POISON: &str = r#"{"type":"order.paid","data":{"amount":"much"}}"#;

/// Returns the ids of a page, and the cursor of the next.
async fn page(world: &StackWorld, tenant: &str, query: &str) -> (Vec<String>, Option<String>) {
    let response = world.get(tenant, &format!("/v1/events?{query}")).await;
    assert_eq!(response.status, 200, "{query}: {}", response.body);
    let body = response.json();
    let ids = body["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned());
    (ids.collect(), body["cursor"].as_str().map(ToOwned::to_owned))
}

/// Returns the ids of all pages.
async fn all(world: &StackWorld, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = page(world, "acme", query).await;
    for _ in 0..20 {
        let Some(next) = cursor else { return ids };
        let (more, then) = page(world, "acme", &format!("{query}&cursor={next}")).await;
        ids.extend(more);
        cursor = then;
    }
    panic!("{query} has no end")
}

#[tokio::test(start_paused = true)]
async fn events_are_listed_page_by_page_the_latest_first() {
    let world = StackWorld::new().await;
    let (mut placed, mut paid) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        placed.push(world.post("acme", PLACED).await.id());
        paid.push(world.post("acme", PAID).await.id());
    }
    let failed = world.post("acme", POISON).await.id();
    world.post("globex", PLACED).await.id();
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;

    let latest_first = |ids: &[&[String]]| {
        let mut ids = ids.concat();
        ids.sort_unstable();
        ids.reverse();
        ids
    };
    let failed = [failed];
    let everything = latest_first(&[&placed, &paid, &failed]);
    for limit in [1, 2, 3, 9, 100] {
        assert_eq!(all(&world, &format!("limit={limit}")).await, everything, "limit {limit}");
    }
    let (first, cursor) = page(&world, "acme", "limit=4").await;
    assert_eq!(first, everything[..4]);
    assert!(cursor.is_some());
    for limit in [1, 2, 100] {
        let of = |filter: &str| format!("{filter}&limit={limit}");
        assert_eq!(all(&world, &of("type=order.placed")).await, latest_first(&[&placed]));
        assert_eq!(all(&world, &of("status=failed")).await, failed);
        assert_eq!(all(&world, &of("type=order.paid&status=processed")).await, latest_first(&[&paid]));
        assert_eq!(all(&world, &of("status=accepted")).await, [""; 0]);
    }
    let body = world.get("acme", "/v1/events?limit=1&status=failed").await.json();
    let event = &body["events"][0];
    assert_eq!((&event["type"], &event["status"]), (&"order.paid".into(), &"failed".into()));
    assert!(event["error"].as_str().is_some_and(|error| !error.is_empty()), "{event}");
    assert!(event.get("data").is_none(), "data is for who asks for the event: {event}");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_good_for_its_own_listing_only() {
    let world = StackWorld::new().await;
    for _ in 0..3 {
        world.post("acme", PLACED).await.id();
    }
    let (_, cursor) = page(&world, "acme", "limit=2").await;
    let cursor = cursor.unwrap();
    // Another page length is the same listing.
    assert_eq!(page(&world, "acme", &format!("limit=9&cursor={cursor}")).await.0.len(), 1);
    let other = if cursor.ends_with('A') { 'B' } else { 'A' };
    let get = async |tenant: &str, query: String| world.get(tenant, &format!("/v1/events?{query}")).await;
    for (tenant, query) in [
        ("globex", format!("cursor={cursor}")),
        ("acme", format!("type=order.placed&cursor={cursor}")),
        ("acme", format!("status=failed&cursor={cursor}")),
        ("acme", format!("cursor={}", &cursor[1..])),
        ("acme", format!("cursor={}{other}", &cursor[..cursor.len() - 1])),
        ("acme", "cursor=".to_owned()),
        ("acme", "limit=0".to_owned()),
        ("acme", "limit=101".to_owned()),
        ("acme", "status=lost".to_owned()),
        ("acme", "page=2".to_owned()),
    ] {
        let response = get(tenant, query.clone()).await;
        assert_eq!((response.status, response.problem().as_str()), (400, "invalid-request"), "{tenant} {query}");
    }
    assert_eq!(get("umbrella", String::new()).await.problem(), "unknown-tenant");
}

#[tokio::test(start_paused = true)]
async fn an_item_that_can_not_be_read_is_shown_as_such_and_the_rest_is_listed() {
    let world = StackWorld::new().await;
    let mut good = Vec::new();
    for _ in 0..3 {
        good.push(world.post("acme", PLACED).await.id());
    }
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let damaged = "01930000-0000-7000-8000-000000000001";
    // One by hand without the attributes of an event, one under a key that is not an id, both as old as can be.
    for (id, attributes) in [(damaged, 1), ("0-by-hand", 2)] {
        let item = [("tenant_id", text("acme")), ("sk", text(&format!("event#{id}")))];
        let more = [("status", text("accepted")), ("type", text("order.placed"))];
        let put = world.stack.dynamodb().put_item().table_name("cellstack-cell-alpha");
        let all = item.into_iter().chain(more.into_iter().take(attributes));
        let all = all.map(|(name, value)| (name.to_owned(), value)).collect();
        put.set_item(Some(all)).send().await.unwrap();
    }
    good.sort_unstable();
    good.reverse();
    let everything = [&good[..], &[damaged.to_owned(), "0-by-hand".to_owned()]].concat();
    for limit in [1, 2, 100] {
        assert_eq!(all(&world, &format!("limit={limit}")).await, everything, "limit {limit}");
    }
    let body = world.get("acme", "/v1/events").await.json();
    for at in [3, 4] {
        let event = &body["events"][at];
        assert_eq!(event["status"], "unreadable", "{event}");
        assert!(event["error"].as_str().is_some_and(|error| error.len() > 10), "{event}");
        assert!(event.get("type").is_none(), "{event}");
    }

    let event = world.get("acme", &format!("/v1/events/{damaged}")).await;
    assert_eq!((event.status, event.problem().as_str()), (500, "unreadable-event"), "{}", event.body);
    // An event of its name does not overwrite it either.
    let repeat = world.post_named("acme", Some(damaged), PLACED).await;
    assert_eq!((repeat.status, repeat.problem().as_str()), (500, "unreadable-event"), "{}", repeat.body);
    assert_eq!(world.post("acme", PLACED).await.status, 202, "the cell is not left alone for it");
}

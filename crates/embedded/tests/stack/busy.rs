//! A busy tenant whose every write is a transaction with a check of its fence.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use cellstack_core::Epoch;
use cellstack_core::limits::{FENCE_TIMEOUT, TENANT_LEASE};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::fence;
use futures::future::join_all;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::world::StackWorld;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const ALPHA: &str = "cellstack-cell-alpha";
const ENVIRONMENTS: u64 = 20;
/// Pause of each environment: together they send 100 events per second.
const PAUSE: Duration = Duration::from_millis(200);
const TIME: Duration = Duration::from_secs(60);

/// Returns the number of the tenant's events, counted page by page.
async fn events(world: &StackWorld) -> i32 {
    let query = world.stack.dynamodb().query().table_name(ALPHA).select(Select::Count).consistent_read(true);
    let query = query
        .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
        .expression_attribute_values(":tenant", AttributeValue::S("acme".to_owned()))
        .expression_attribute_values(":event", AttributeValue::S("event#".to_owned()));
    let (mut pages, mut events) = (query.into_paginator().send(), 0);
    while let Some(page) = pages.next().await {
        events += page.unwrap().count();
    }
    events
}

#[tokio::test(start_paused = true)]
async fn without_the_map_a_busy_tenant_is_served_and_its_fence_closes_in_time() {
    let world = StackWorld::new().await;
    let environments: Vec<_> = (0..ENVIRONMENTS).map(|_| Environment::of(&world)).collect();
    for environment in &environments {
        environment.post("acme", ORDER).await.id();
    }
    let faults = world.stack.aws().faults();
    faults.inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-tenant-map"));
    tokio::time::sleep(TENANT_LEASE).await;
    // This is about the writes, so the events wait in the stream.
    faults.inject(Fault::any("DynamoDBStreams", FaultKind::Throttle));
    // Some writes conflict as if they overlapped, and each takes the time in which they would.
    let conflicts = |operation| {
        let fault = Fault::new("DynamoDB", operation, FaultKind::TransactionConflict);
        faults.inject(fault.on("fence#").with_probability(0.3))
    };
    let (of_writes, of_closing) = (conflicts("TransactWriteItems"), conflicts("UpdateItem"));
    let takes = FaultKind::Latency(Duration::from_millis(15));
    faults.inject(Fault::new("DynamoDB", "TransactWriteItems", takes).on(ALPHA));

    let closes_at = Instant::now() + TIME;
    let callers = environments.iter().zip(0..).map(async |(environment, n)| {
        tokio::time::sleep(PAUSE / u32::try_from(ENVIRONMENTS).unwrap() * n).await;
        let (mut all, mut accepted, mut longest) = (0_u32, 0_u32, Duration::ZERO);
        // Writers continue while the fence closes, and are refused then.
        while Instant::now() < closes_at + FENCE_TIMEOUT {
            let asked = Instant::now();
            let response = environment.post("acme", ORDER).await;
            if Instant::now() < closes_at {
                all += 1;
                accepted += u32::from(response.status == 202);
                longest = longest.max(asked.elapsed());
            } else {
                assert!(matches!(response.status, 202 | 503), "{}", response.body);
            }
            tokio::time::sleep_until(asked + PAUSE).await;
        }
        (all, accepted, longest)
    });
    let closing = async {
        tokio::time::sleep_until(closes_at).await;
        let (client, acme) = (world.stack.dynamodb(), "acme".parse().unwrap());
        let closed = fence::close(&client, ALPHA, &acme, Epoch(1), closes_at + FENCE_TIMEOUT).await;
        (closed, closes_at.elapsed(), events(&world).await)
    };
    let (responses, (closed, took, landed)) = tokio::join!(join_all(callers), closing);
    closed.unwrap();
    assert!(took <= FENCE_TIMEOUT, "{took:?}");

    let (all, accepted, longest) =
        responses.into_iter().fold((0, 0, Duration::ZERO), |(all, accepted, longest), one| {
            (all + one.0, accepted + one.1, longest.max(one.2))
        });
    assert!(all > 5_700, "{all}");
    assert!(f64::from(accepted) >= 0.999 * f64::from(all), "{accepted} of {all}");
    assert!(longest <= Duration::from_secs(2), "{longest:?}");
    assert!(faults.hits(of_writes) > 1_500 && faults.hits(of_closing) > 0);
    assert_eq!(events(&world).await, landed, "from its return on nothing lands");
}

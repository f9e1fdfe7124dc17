//! Requests for placement that come more than once, and a placer that ends at any moment.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use cellstack_core::limits::pipeline::PLACER_TIMEOUT;
use cellstack_embedded::names::{placement_requests, tenant_map};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_placer::{Placer, Settings, StreamEvent};
use serde_json::json;

use crate::first_sight::{EVENT, counts, placed, placer, requests, world};
use crate::world::StackWorld;

/// Returns the stream's records of the requests that are there.
async fn records(world: &StackWorld) -> StreamEvent {
    let records: Vec<_> = requests(world)
        .await
        .iter()
        .enumerate()
        .map(|(at, request)| {
            let image = json!({
                "tenant_id": { "S": request.tenant_id }, "state": { "S": request.state },
                "request_id": { "S": request.request_id }, "requested_at": { "N": request.requested_at.to_string() },
                "expires_at": { "N": request.expires_at.to_string() },
            });
            json!({
                "eventID": at.to_string(), "eventVersion": "1.1", "eventSource": "aws:dynamodb", "eventName": "INSERT",
                "awsRegion": "us-east-1", "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": (100 + at).to_string(), "SizeBytes": 1,
                    "StreamViewType": "NEW_IMAGE", "Keys": { "tenant_id": image["tenant_id"] }, "NewImage": image,
                },
            })
        })
        .collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

/// Returns a world without a placer on the stream, in which three tenants have requested a cell.
async fn waiting() -> StackWorld {
    let mut world = world().await;
    world.stack.drop_mappings();
    for tenant in ["hooli", "stark", "wayne"] {
        assert_eq!(world.post(tenant, EVENT).await.problem(), "being-placed");
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_changes_nothing() {
    let world = waiting().await;
    let records = records(&world).await;
    let copy = StreamEvent { records: records.records.clone() };
    assert_eq!(placer(&world).handle(records, PLACER_TIMEOUT).await.batch_item_failures.len(), 0);
    let (entries, counted) = (placed(&world).await, counts(&world).await);
    assert_eq!((entries.len(), counted), (3, (6, 3)));
    assert_eq!(placer(&world).handle(copy, PLACER_TIMEOUT).await.batch_item_failures.len(), 0);
    assert_eq!((placed(&world).await, counts(&world).await), (entries, counted));
    assert_eq!(requests(&world).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_placer_killed_at_any_await_point_and_invoked_again_places_each_tenant_once() {
    let mut kill_at = 1;
    loop {
        let world = waiting().await;
        world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Latency(Duration::from_millis(1))));
        let records = records(&world).await;
        let copy = StreamEvent { records: records.records.clone() };
        let killed = placer(&world);
        let mut run = pin!(killed.handle(records, PLACER_TIMEOUT));
        let mut polls = 0;
        let ended = std::future::poll_fn(|context| {
            polls += 1;
            if polls == kill_at { Poll::Ready(None) } else { run.as_mut().poll(context).map(Some) }
        })
        .await;
        let again = placer(&world).handle(copy, PLACER_TIMEOUT).await;
        assert_eq!(again.batch_item_failures.len(), 0, "killed at {kill_at}");
        assert_eq!((placed(&world).await.len(), counts(&world).await), (3, (6, 3)), "killed at {kill_at}");
        assert_eq!(requests(&world).await, [], "killed at {kill_at}");
        if ended.is_some() {
            break;
        }
        kill_at += 1;
    }
    assert!(kill_at > 10, "a batch has more await points than {kill_at}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_and_those_behind_it_come_again() {
    let world = waiting().await;
    let copy = records(&world).await;
    let broken = Settings {
        tenant_map_table: tenant_map(),
        registry_table: "no-such-table".to_owned(),
        placement_requests_table: placement_requests(),
        stack: None,
    };
    let broken = Placer::new(world.stack.dynamodb(), broken, world.stack.clock().clone());
    let response = broken.handle(records(&world).await, PLACER_TIMEOUT).await;
    let failed: Vec<_> = response.batch_item_failures.iter().map(|failure| failure.item_identifier.clone()).collect();
    assert_eq!(failed, [Some("100".to_owned())]);
    assert_eq!(placed(&world).await, []);
    placer(&world).handle(copy, PLACER_TIMEOUT).await;
    assert_eq!(placed(&world).await.len(), 3);
}

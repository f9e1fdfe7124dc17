//! Bugs planted in the real producer and consumer, and the damage of each. The other files hold the tests without them.

use std::time::Duration;

use cellstack_core::Message;
use cellstack_core::mutation::{Mutation, plant};
use cellstack_embedded::{Ordering, Pipeline};
use cellstack_emulator::{Entries, Fault, FaultKind, Observation};

use crate::bench::Bench;
use crate::world::{StackWorld, builder};

const POISON: &str = r#"{"type":"t","data":{"amount":"x"}}"#;
const ORDER: &str = r#"{"type":"t","data":{"amount":7}}"#;

#[tokio::test(start_paused = true)]
async fn a_refused_event_that_is_marked_before_its_letter_may_have_none() {
    let _planted = plant(Mutation::MarkedBeforeLetter);
    let world = StackWorld::new().await;
    let out = Fault::new("SQS", "SendMessage", FaultKind::ServerError).on("-events-dlq");
    let out = world.stack.aws().faults().inject(out);
    let id = world.post("acme", POISON).await.id();
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.stack.aws().faults().remove(out);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.status("acme", &id).await, "failed");
    assert!(world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_marked_before_its_effect_may_have_none() {
    let _planted = plant(Mutation::MarkedBeforeEffect);
    let world = StackWorld::new().await;
    let effect = Fault::new(
        "DynamoDB",
        "TransactWriteItems",
        FaultKind::Error { status: 500, code: "InternalServerError".to_owned(), message: String::new() },
    );
    // The router's write is a plain put; the first transaction is the mark.
    world.stack.aws().faults().inject(effect.after(1).times(3));
    let id = world.post("acme", ORDER).await.id();
    world.processed("acme", &id).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.total("acme", "t").await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_taken_for_a_duplicate_loses_its_event() {
    let _planted = plant(Mutation::ConflictIsDuplicate);
    let world = StackWorld::new().await;
    let conflict = Fault::new("DynamoDB", "TransactWriteItems", FaultKind::TransactionConflict);
    world.stack.aws().faults().inject(conflict.times(1));
    let id = world.post("acme", ORDER).await.id();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.status("acme", &id).await, "accepted");
    assert!(world.peek("cellstack-cell-alpha-events").is_empty() && world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn poison_that_is_retried_for_ever_is_dead_lettered_by_the_queue_alone() {
    let _planted = plant(Mutation::PoisonRetriedForever);
    let world = StackWorld::new().await;
    world.post("acme", POISON).await.id();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(world.dead_letters("alpha").is_empty());
    assert_eq!(world.peek("cellstack-cell-alpha-events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn events_behind_one_that_must_come_first_overtake_it_where_that_is_ignored() {
    let _planted = plant(Mutation::BlockedIgnored);
    let mut bench = Bench::new(Ordering::Tenant).await;
    let ids = bench.accept("acme", &["never", "good"]).await;
    bench.run(Duration::from_secs(5)).await;
    assert_eq!(bench.status("acme", ids[1]).await, "processed");
    assert!(bench.dead_letters().is_empty(), "the first one may still pass");
}

#[tokio::test(start_paused = true)]
async fn an_entry_overtakes_another_of_its_tenant_where_a_batch_holds_both() {
    let _planted = plant(Mutation::EntryOvertakes);
    let pipeline = Pipeline { ordering: Ordering::Tenant, ..Pipeline::DEPLOYED };
    let world = StackWorld { stack: builder().pipeline(pipeline).build().await.unwrap() };
    let faults = world.stack.aws().faults();
    // The events accepted meanwhile are one batch.
    let held = faults.inject(Fault::new("DynamoDBStreams", "GetRecords", FaultKind::ServerError));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.post("acme", ORDER).await.id());
    }
    faults.inject(Fault::new("SNS", "PublishBatch", FaultKind::EntriesFail(Entries::At(vec![1]))).times(1));
    let mut seen = world.stack.aws().observe();
    faults.remove(held);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let mut published = Vec::new();
    while let Ok(observation) = seen.try_recv() {
        if let Observation::Published { body, .. } = observation {
            published.push(Message::decode(&body).unwrap().id.to_string());
        }
    }
    published.dedup();
    assert_ne!(published, ids);
}

#[tokio::test(start_paused = true)]
async fn events_that_are_not_published_are_lost_where_that_is_not_reported() {
    let _planted = plant(Mutation::PartialFailureDropped);
    let world = StackWorld::new().await;
    let partial = Fault::new("SNS", "PublishBatch", FaultKind::PartialFailure { from: 0 });
    world.stack.aws().faults().inject(partial.times(1));
    let id = world.post("acme", ORDER).await.id();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.status("acme", &id).await, "accepted");
    let queues = ["cellstack-cell-alpha-events", "cellstack-cell-alpha-stream-dlq", "cellstack-cell-alpha-topic-dlq"];
    assert!(queues.iter().all(|queue| world.peek(queue).is_empty()) && world.dead_letters("alpha").is_empty());
}

//! The pipeline, from the stream to the effect.

use std::time::Duration;

use cellstack_consumer::Totals;
use cellstack_core::fence::{FENCE_SHARDS, shard_key};
use cellstack_emulator::{Fault, FaultKind, Observation};

use crate::world::StackWorld;

fn order(amount: u32) -> String {
    format!(r#"{{"type":"order.placed","data":{{"amount":{amount}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn an_event_is_processed_in_its_own_cell_and_leaves_no_trace_in_another() {
    let world = StackWorld::new().await;
    let id = world.post("acme", order(42)).await.id();
    world.processed("acme", &id).await;
    let alpha = world.items("alpha").await;
    assert!(alpha.contains(&format!("event#{id}")) && alpha.contains(&"total#order.placed".to_owned()), "{alpha:?}");
    for cell in ["beta", "gamma"] {
        assert_eq!(world.items(cell).await, (0..FENCE_SHARDS).map(shard_key).collect::<Vec<_>>(), "{cell}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_could_not_publish_is_published_later_and_nothing_is_lost() {
    let world = StackWorld::new().await;
    let partial = FaultKind::PartialFailure { from: 2 };
    world.stack.aws().faults().inject(Fault::new("SNS", "PublishBatch", partial).times(3));
    world.stack.aws().faults().inject(Fault::new("SNS", "PublishBatch", FaultKind::ServerError).after(3).times(4));
    let mut last = String::new();
    for amount in 1..=30 {
        last = world.post("acme", order(amount)).await.id();
    }
    world.processed("acme", &last).await;
    assert_eq!(world.total("acme", "order.placed").await, (30, 465.0));
    assert!(world.peek("cellstack-cell-alpha-stream-dlq").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_stream_holds_what_the_topic_refuses_for_hours_and_drains_after() {
    let world = StackWorld::new().await;
    let outage = world.stack.aws().faults().inject(Fault::new("SNS", "PublishBatch", FaultKind::ServerError));
    let mut last = String::new();
    for amount in 1..=20 {
        last = world.post("acme", order(amount)).await.id();
    }
    tokio::time::sleep(Duration::from_secs(3 * 3_600)).await;
    assert!(world.peek("cellstack-cell-alpha-stream-dlq").is_empty(), "nothing is discarded");
    assert_eq!(world.status("acme", &last).await, "accepted");
    world.stack.aws().faults().remove(outage);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.total("acme", "order.placed").await, (20, 210.0));
    assert!(world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_has_no_second_effect() {
    let world = StackWorld::new().await;
    // The consumer commits, the deletion of its messages fails: each comes again.
    world.stack.aws().faults().inject(Fault::new("SQS", "DeleteMessage", FaultKind::ServerError).times(5));
    for amount in 1..=10 {
        let id = world.post("acme", order(amount)).await.id();
        world.processed("acme", &id).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.total("acme", "order.placed").await, (10, 55.0));
    assert!(world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_conflict_is_retried_and_is_no_duplicate() {
    let world = StackWorld::new().await;
    world
        .stack
        .aws()
        .faults()
        .inject(Fault::new("DynamoDB", "TransactWriteItems", FaultKind::TransactionConflict).times(3));
    let id = world.post("acme", order(7)).await.id();
    world.processed("acme", &id).await;
    assert_eq!(world.total("acme", "order.placed").await, (1, 7.0));
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_response_is_lost_has_one_effect() {
    let world = StackWorld::new().await;
    let lost = FaultKind::HangAfterCommit;
    world.stack.aws().faults().inject(Fault::new("DynamoDB", "TransactWriteItems", lost).times(2));
    let id = world.post("acme", order(7)).await.id();
    world.processed("acme", &id).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.total("acme", "order.placed").await, (1, 7.0));
    assert!(world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_cells_own_writes_never_become_events() {
    let world = StackWorld::new().await;
    let mut seen = world.stack.aws().observe();
    for amount in 1..=5 {
        let id = world.post("acme", order(amount)).await.id();
        world.processed("acme", &id).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut published = 0;
    while let Ok(observation) = seen.try_recv() {
        published += usize::from(matches!(observation, Observation::Published { .. }));
    }
    assert_eq!(published, 5);
}

#[tokio::test(start_paused = true)]
async fn totals_are_exact_decimals() {
    let world = StackWorld::with(|| Totals).await;
    for _ in 0..10 {
        world.post("acme", r#"{"type":"t","data":{"amount":0.1}}"#).await.id();
    }
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let totals = world.get("acme", "/v1/totals").await.body;
    assert!(totals.contains(r#""count":10,"sum":1}"#) || totals.contains(r#""count":10,"sum":1.0}"#), "{totals}");
}

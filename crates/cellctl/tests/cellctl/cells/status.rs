//! `status`: the lag of a cell.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::names::CellNames;
use cellstack_emulator::{Fault, FaultKind};
use serde_json::{Value, json};

use super::world::{CellsWorld, cell};

async fn lag(world: &CellsWorld, expected: Completion) -> (Value, Vec<Value>) {
    let screen = world.cellctl("status --output json").await.ended(expected).json();
    assert_eq!(screen["lag_error"], Value::Null);
    (screen["cells"][0]["lag"].clone(), screen["notes"].as_array().unwrap().clone())
}

#[tokio::test(start_paused = true)]
async fn old_messages_need_a_look() {
    let world = CellsWorld::new().await;
    assert_eq!(lag(&world, Completion::Done).await.0, json!({ "oldest_message_s": 0, "stream_s": 0 }));

    // The consumer can't do anything with it, and leaves it in the queue.
    world.stack.aws().faults().inject(Fault::any("Lambda", FaultKind::FunctionError));
    let url = world.stack.queue_url(&CellNames::of(&cell("alpha")).events).await.unwrap();
    world.stack.sqs().send_message().queue_url(url).message_body("{}").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(lag(&world, Completion::Done).await.0["oldest_message_s"], 100);
    let shown = world.cellctl("status").await.ended(Completion::Done);
    assert!(shown.data.contains("in hand, oldest 100 s"), "{}", shown.data);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_late_needs_a_look() {
    let world = CellsWorld::new().await;
    world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::ServerError));
    world.taken("acme", None, 1, "alpha").await;
    tokio::time::sleep(Duration::from_secs(901)).await;
    let (lag, notes) = lag(&world, Completion::LeftSome).await;
    assert_eq!(lag["stream_s"], 901);
    let expected =
        "alpha's stream is published 901 s late: see the log and the mapping of cellstack-cell-alpha-producer";
    assert_eq!(notes, [expected]);
    let shown = world.cellctl("status").await.ended(Completion::LeftSome);
    assert!(shown.rows()[1].contains("| 901 s |"), "{}", shown.data);
    assert!(shown.talk.contains(&format!("look: {expected}\n")), "{}", shown.talk);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_shown_if_the_ages_are_unknown() {
    let world = CellsWorld::new().await;
    world.stack.aws().faults().inject(Fault::new("CloudWatch", "GetMetricData", FaultKind::Throttle));
    let shown = world.cellctl("status").await.ended(Completion::Done);
    let expected = "the ages of messages and stream records are unknown: the server responded with 400: \
        {\"__type\":\"Throttling\",\"message\":\"Rate exceeded\"}\n";
    assert!(shown.talk.contains(expected), "{}", shown.talk);
    assert!(shown.data.contains("alpha"), "{}", shown.data);
}

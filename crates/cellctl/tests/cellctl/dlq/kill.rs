//! A run that ends at any moment, and another one after it.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_emulator::{Fault, FaultKind};

use super::world::DlqWorld;
use crate::kill::killed_at;

/// Makes three letters: of an event that failed, of one that is still accepted, and of one that was processed
/// meanwhile.
async fn dead_letters(world: &DlqWorld) -> Vec<String> {
    let failed = world.poison("acme", 1).await;
    world.until("failed", async || world.status("alpha", "acme", &failed).await == "failed").await;

    let fine = world.post("acme", "fine", 100).await;
    world.processed("alpha", "acme", &fine).await;
    let message = world.message("alpha", "acme", &fine).await;
    world.put("cellstack-cell-alpha-topic-dlq", &message).await;

    let undelivered = world.undelivered(10).await;
    world.mend();
    vec![failed, fine, undelivered]
}

/// Drops the run when it is polled the `kill_at`th time. Returns `false` if it ended before.
async fn killed(world: &DlqWorld, kill_at: usize) -> bool {
    // Calls that take time are await points: the run is killed before each call and after it.
    let faults = world.stack.aws().faults();
    for service in ["DynamoDB", "SQS"] {
        faults.inject(Fault::any(service, FaultKind::Latency(Duration::from_millis(3))));
    }
    let ended = killed_at(kill_at, world.redrive("--cell alpha")).await;
    faults.clear();
    if let Some(ran) = ended {
        ran.ended(Completion::Done);
        return false;
    }
    true
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_at_any_await_point_and_run_again_has_one_effect_and_loses_nothing() {
    let mut kill_at = 1;
    loop {
        let world = DlqWorld::new().await;
        let ids = dead_letters(&world).await;
        let was_killed = killed(&world, kill_at).await;
        if was_killed {
            // The letters that the killed run had in hand come back after two minutes.
            tokio::time::sleep(Duration::from_secs(121)).await;
            world.redrive("").await.ended(Completion::Done);
        }
        for id in &ids {
            world.processed("alpha", "acme", id).await;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(world.sum("alpha", "acme").await, (3, 111), "killed at {kill_at}");
        for queue in ["events-dlq", "topic-dlq", "stream-dlq", "events"] {
            let left = world.bodies(&format!("cellstack-cell-alpha-{queue}"));
            assert!(left.is_empty(), "killed at {kill_at}: {queue} holds {left:?}");
        }
        if !was_killed {
            break;
        }
        kill_at += 1;
    }
    assert!(kill_at > 20, "a run has more await points than {kill_at}");
}

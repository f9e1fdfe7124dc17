//! An erasure that ends at any moment, and another one after it.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_emulator::{Fault, FaultKind};

use super::erase::{dead_letters, erase, is_erased, removed};
use crate::cells::world::CellsWorld;
use crate::kill::killed_at;

/// Drops the run when it is polled the `kill_at`th time. Returns `false` if it ended before.
async fn killed(world: &CellsWorld, kill_at: usize) -> bool {
    let faults = world.stack.aws().faults();
    for service in ["DynamoDB", "SQS"] {
        faults.inject(Fault::any(service, FaultKind::Latency(Duration::from_millis(3))));
    }
    let ended = killed_at(kill_at, erase(world, "")).await;
    faults.clear();
    if let Some(ran) = ended {
        ran.ended(Completion::Done);
        return false;
    }
    true
}

/// Await points from one kill to the next: prime, so that kills fall before and after calls of each kind.
const STRIDE: usize = 11;

#[tokio::test(start_paused = true)]
async fn a_run_killed_at_many_await_points_and_run_again_is_whole() {
    let (mut kill_at, mut unfinished) = (1, 0);
    loop {
        let world = removed().await;
        let was_killed = killed(&world, kill_at).await;
        if was_killed {
            // The letters that the killed run had in hand come back after two minutes.
            tokio::time::sleep(Duration::from_secs(121)).await;
            let certificate = erase(&world, "").await.ended(Completion::Done).json();
            let earlier = &certificate["earlier_runs"][0];
            let left: u64 = certificate["cells"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cell| {
                    cell["items"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>()
                })
                .sum();
            let is_on_record = earlier["before"]["alpha"].is_string() && earlier["outcome"] == "unfinished";
            assert!(left == 5 || is_on_record, "killed at {kill_at}: {certificate}");
            unfinished += usize::from(is_on_record);
        }
        is_erased(&world, &format!("killed at {kill_at}")).await;
        assert_eq!(dead_letters(&world), 0, "killed at {kill_at}");
        if !was_killed {
            break;
        }
        kill_at += STRIDE;
    }
    assert!(kill_at > 6 * STRIDE && unfinished > 2, "a run has more await points than {kill_at}");
}

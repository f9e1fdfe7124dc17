//! `cells up` that ends at any moment, and another one after it.

use cellstack_cellctl::Completion;

use super::up::{all_is_home, held};
use super::world::CellsWorld;
use crate::kill::killed_at;

/// Await points from one kill to the next: prime, so that kills fall into every part of a carried event.
const STRIDE: usize = 5;

/// Drops the run when it is polled the `kill_at`th time. Returns `false` if it ended before.
async fn killed(world: &CellsWorld, kill_at: usize) -> bool {
    world.slow_down();
    let ended = killed_at(kill_at, world.ann("up alpha")).await;
    world.stack.aws().faults().clear();
    if let Some(ran) = ended {
        ran.ended(Completion::Done);
        return false;
    }
    true
}

#[tokio::test(start_paused = true)]
async fn killed_at_many_await_points_and_run_again_it_carries_each_event_once() {
    let mut kill_at = 1;
    loop {
        let world = held().await;
        let was_killed = killed(&world, kill_at).await;
        if was_killed {
            world.ann("up alpha").await.ended(Completion::Done);
        }
        all_is_home(&world, &format!("killed at {kill_at}")).await;
        assert_eq!(world.status("alpha").await, "active", "killed at {kill_at}");
        if !was_killed {
            break;
        }
        kill_at += STRIDE;
    }
    assert!(kill_at > 10 * STRIDE, "a run has more await points than {kill_at}");
}

#[tokio::test(start_paused = true)]
async fn two_operators_who_carry_at_once_carry_each_event_once() {
    let world = held().await;
    world.slow_down();
    let (one, two) = futures::future::join(world.ann("up alpha"), world.ann("up alpha")).await;
    let done = [&one, &two].iter().filter(|ran| ran.completion == Ok(Completion::Done)).count();
    assert!(done >= 1, "{one:?} {two:?}");
    world.stack.aws().faults().clear();
    all_is_home(&world, "after both").await;
}

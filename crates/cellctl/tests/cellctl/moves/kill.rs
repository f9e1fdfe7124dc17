//! Moves that end at any moment, and what continues with them, or undoes them.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::names::CellNames;
use cellstack_emulator::{Fault, FaultKind};
use futures::future::join;

use super::world::Caller;
use crate::cells::world::{CellsWorld, cell};
use crate::kill::killed_at;
use crate::ran::Ran;

/// Await points from one kill to the next: prime, so that kills fall between any two calls.
const STRIDE: usize = 67;

/// Drops the run when it is polled the `kill_at`th time. Returns `false` if it ended before.
async fn killed(world: &CellsWorld, line: &str, kill_at: usize) -> bool {
    let ended = killed_at(kill_at, world.as_ann(line)).await;
    if let Some(ran) = ended {
        ran.ended(Completion::Done);
        return false;
    }
    true
}

/// Kills a move at each of many await points, then does something about it, with a caller that writes all the while.
async fn killed_and(then: impl AsyncFn(&CellsWorld, &str) -> &'static str) {
    let mut kill_at = 1;
    loop {
        let world = CellsWorld::new().await;
        let caller = Caller::default();
        for _ in 0..3 {
            caller.post(&world, "acme").await;
        }
        world.slow_down();
        let was_killed = std::cell::Cell::new(false);
        let run = async {
            was_killed.set(killed(&world, "tenants move acme --to gamma", kill_at).await);
            let moving = world.entry("acme").await.migration_id;
            let home = match moving {
                Some(id) => then(&world, &id.to_string()).await,
                None if world.place_of("acme").await.1 == 2 => "gamma",
                None => "alpha",
            };
            assert_eq!(world.place_of("acme").await.0, home, "killed at {kill_at}");
            tokio::time::sleep(Duration::from_secs(3)).await;
            caller.ended.set(true);
        };
        join(Box::pin(run), caller.write(&world, "acme", Duration::from_millis(4_700))).await;
        world.stack.aws().faults().clear();
        world.all_is_there("acme", &caller, &format!("killed at {kill_at}")).await;
        if !was_killed.get() {
            break;
        }
        kill_at += STRIDE;
    }
    assert!(kill_at > 8 * STRIDE, "a move has more await points than {kill_at}");
}

#[tokio::test(start_paused = true)]
async fn killed_at_many_await_points_and_resumed_it_ends_whole() {
    killed_and(async |world, id| {
        let ran = world.as_ann(&format!("moves resume {id}")).await.ended(Completion::Done);
        assert!(ran.talk.contains("acme is in gamma"), "{}", ran.talk);
        "gamma"
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_many_await_points_and_aborted_the_source_has_the_tenant() {
    killed_and(async |world, id| {
        let ran = world.as_ann(&format!("moves abort {id}")).await.ended(Completion::Done);
        assert!(ran.talk.contains("acme stays in alpha, under epoch"), "{}", ran.talk);
        "alpha"
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn stopped_in_the_middle_of_a_round_it_ends_at_once_and_is_resumed() {
    let world = CellsWorld::new().await;
    let caller = Caller::default();
    for _ in 0..3 {
        caller.post(&world, "acme").await;
    }
    world.until("all are processed", async || world.total("alpha", "acme").await == (3, 3)).await;
    let slow = FaultKind::Latency(Duration::from_secs(8));
    let fault = Fault::new("DynamoDB", "PutItem", slow).on(&CellNames::of(&cell("gamma")).table);
    let fault = world.stack.aws().faults().inject(fault);
    let (deployment, begun) = (world.deployment(), tokio::time::Instant::now());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        deployment.stop().cancel();
    };
    let line = "tenants move acme --to gamma --operator ann --reason test";
    let (ran, ()) = join(Ran::of(line, &deployment), stop).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    ran.ended(Completion::LeftSome);
    world.stack.aws().faults().remove(fault);
    let resumed = world.as_ann(&format!("moves resume {}", world.move_id().await)).await;
    resumed.ended(Completion::Done);
    world.all_is_there("acme", &caller, "stopped and resumed").await;
}

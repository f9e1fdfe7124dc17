//! The journal: what a tenant writes in the last moments before its fence closes is in the destination, too.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::mutation::{Mutation, plant};
use futures::future::{join, join3};

use super::world::Caller;
use crate::cells::world::CellsWorld;
use crate::ran::Ran;

/// Time from the beginning of a move to the last moments before its fence closes.
const NEARLY: Duration = Duration::from_secs(309);

/// Moves acme to gamma while its caller writes at the end as fast as it can. Returns the number of its events, and of those that
/// gamma has.
async fn rush(world: &CellsWorld, caller: &Caller) -> (usize, usize) {
    world.slow_down();
    let moves = async {
        world.as_ann("tenants move acme --to gamma").await.ended(Completion::Done);
        caller.ended.set(true);
    };
    let writes = async {
        tokio::time::sleep(NEARLY).await;
        caller.write(world, "acme", Duration::from_millis(1)).await;
    };
    join(moves, writes).await;
    let there = world.partition("gamma", "acme").await;
    let acknowledged = caller.acknowledged.borrow();
    let found = acknowledged.values().filter(|id| there.contains_key(&format!("event#{id}"))).count();
    (acknowledged.len(), found)
}

/// Returns the items of acme's journal in alpha.
async fn journal(world: &CellsWorld) -> usize {
    world.partition("alpha", "acme").await.keys().filter(|key| key.starts_with("journal#")).count()
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_the_last_moments_is_moved_too() {
    let (world, caller) = (CellsWorld::new().await, Caller::default());
    let (acknowledged, found) = rush(&world, &caller).await;
    assert!(acknowledged > 50, "{acknowledged}");
    assert_eq!(found, acknowledged);
    world.all_is_there("acme", &caller, "after the move").await;
    let move_of = world.last_move().await;
    let counts = &move_of["counts"];
    assert!(counts["copied_in_the_pause"].as_u64().unwrap() > 0, "{counts}");
    assert!(counts["compared"].as_u64().unwrap() >= counts["copied_in_the_pause"].as_u64().unwrap(), "{counts}");

    let left = journal(&world).await;
    assert!(
        left > 0 && left < acknowledged,
        "{left} of {acknowledged}: the move clears what it has read before the pause"
    );
    let id = world.move_id().await;
    world.as_ann(&format!("moves purge {id} --now")).await.ended(Completion::Done);
    assert_eq!(journal(&world).await, 0);
}

#[tokio::test(start_paused = true)]
async fn without_it_events_would_be_lost() {
    let (world, caller) = (CellsWorld::new().await, Caller::default());
    let _planted = plant(Mutation::JournalNotWritten);
    let (acknowledged, found) = rush(&world, &caller).await;
    assert!(found < acknowledged, "{acknowledged}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_writes_faster_than_it_is_copied_keeps_its_source_until_the_copy_is_faster() {
    let (world, caller) = (CellsWorld::new().await, Caller::default());
    for _ in 0..150 {
        caller.post(&world, "acme").await;
    }
    let deployment = world.deployment();
    let line = "tenants move acme --to gamma --write-units 1 --operator ann --reason test";
    let stop = async {
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 1, "moving"));
        deployment.stop().cancel();
        caller.ended.set(true);
    };
    let writes = caller.write(&world, "acme", Duration::from_millis(500));
    let (ran, (), ()) = join3(Ran::of(line, &deployment), stop, writes).await;
    let ran = ran.ended(Completion::LeftSome);
    assert!(ran.talk.contains("events came while those before them were copied"), "{}", ran.talk);
    assert!(caller.longest.get() < Duration::from_secs(1), "{:?}", caller.longest.get());
    let resume = format!("moves resume {} --write-units 1000", world.move_id().await);
    world.as_ann(&resume).await.ended(Completion::Done);
    world.all_is_there("acme", &caller, "resumed").await;
}

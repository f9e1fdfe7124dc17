//! Events that the source does not process in time.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::names::CellNames;
use cellstack_emulator::{Fault, FaultKind};

use super::errors::is_documented;
use super::world::Caller;
use crate::cells::world::{CellsWorld, cell, text};

/// Makes a world whose cell alpha accepts events and publishes none, with three processed and two accepted events of acme's.
async fn stuck(caller: &Caller) -> CellsWorld {
    let world = CellsWorld::new().await;
    for _ in 0..3 {
        caller.post(&world, "acme").await;
    }
    world.until("the first events", async || world.total("alpha", "acme").await == (3, 3)).await;
    let topic = CellNames::of(&cell("alpha")).events;
    world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::ServerError).on(&topic));
    for _ in 0..2 {
        caller.post(&world, "acme").await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_process_what_it_has_keeps_the_tenant() {
    let caller = Caller::default();
    let world = stuck(&caller).await;
    let refused = world.as_ann("tenants move acme --to gamma --drain-time 3s").await;
    let expected = "acme has 2 events in alpha that were not processed within 3 s, and stays there; expected none: see \
                    `cellctl dlq ls --cell alpha`, or hand them over with --carry-pending";
    assert_eq!(refused.completion, Err(expected.to_owned()), "{}", refused.talk);
    is_documented(expected);
    assert!(refused.talk.ends_with("aborted: the source takes events again\n"), "{}", refused.talk);
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 2, "active"));
    assert_eq!(world.fence("alpha", "acme").await, [("open".to_owned(), 2)]);
    assert_eq!(world.fence("beta", "acme").await, [("standby".to_owned(), 2)]);
    world.stack.aws().faults().clear();
    caller.post(&world, "acme").await;
    world.all_is_there("acme", &caller, "after the abort").await;
    let purged = world.as_ann(&format!("moves purge {}", world.move_id().await)).await.ended(Completion::Done);
    assert_eq!(purged.talk, "3 items of acme are deleted in gamma\n");
}

#[tokio::test(start_paused = true)]
async fn what_the_source_does_not_process_is_handed_over_and_processed_once() {
    let caller = Caller::default();
    let world = stuck(&caller).await;
    let ran = world.as_ann("tenants move acme --to gamma --drain-time 3s --carry-pending").await;
    let ran = ran.ended(Completion::Done);
    assert!(ran.talk.contains("carrying: what the source has not processed is handed over"), "{}", ran.talk);
    assert_eq!(world.last_move().await["counts"]["carried"], 2);
    world.until("what was handed over", async || world.total("gamma", "acme").await == (5, 5)).await;
    // The source comes to life again, and finds nothing to do.
    world.stack.aws().faults().clear();
    caller.post(&world, "acme").await;
    world.all_is_there("acme", &caller, "after the source is back").await;
    assert_eq!(world.total("alpha", "acme").await, (3, 3));
    assert_eq!(world.events("alpha").await["carried"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_comes_back_before_its_events_are_processed_has_each_once() {
    let caller = Caller::default();
    let world = stuck(&caller).await;
    let topic = CellNames::of(&cell("gamma")).events;
    world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::ServerError).on(&topic));
    for to in ["gamma", "alpha"] {
        let line = format!("tenants move acme --to {to} --drain-time 1s --carry-pending");
        world.as_ann(&line).await.ended(Completion::Done);
    }
    world.stack.aws().faults().clear();
    world.all_is_there("acme", &caller, "back").await;
}

#[tokio::test(start_paused = true)]
async fn a_move_that_hands_over_goes_only_forward() {
    let caller = Caller::default();
    let world = stuck(&caller).await;
    world.slow_down();
    let run = world.as_ann("tenants move acme --to gamma --drain-time 1s --carry-pending");
    let watch = async {
        tokio::time::sleep(Duration::from_secs(309)).await;
        while world.last_move().await["phase"] != "carrying" {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    futures::future::select(std::pin::pin!(run), std::pin::pin!(watch)).await;
    let id = world.move_id().await;
    let refused = world.as_ann(&format!("moves abort {id}")).await.completion.unwrap_err();
    assert!(refused.contains("and can only go forward: `cellctl moves resume"), "{refused}");
    is_documented(&refused);
    world.as_ann(&format!("moves resume {id}")).await.ended(Completion::Done);
    world.stack.aws().faults().clear();
    world.all_is_there("acme", &caller, "resumed").await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_with_frozen_events_and_is_resumed_hands_each_over() {
    let caller = Caller::default();
    let world = CellsWorld::new().await;
    let topic = CellNames::of(&cell("alpha")).events;
    world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::ServerError).on(&topic));
    // No event is processed: a run that takes over knows of none that both cells have.
    for _ in 0..3 {
        caller.post(&world, "acme").await;
    }
    world.slow_down();
    let line = "--drain-time 1s --carry-pending";
    let begin = format!("tenants move acme --to gamma {line}");
    let run = world.as_ann(&begin);
    let watch = async {
        tokio::time::sleep(Duration::from_secs(309)).await;
        while !world.events("alpha").await.contains_key("carried") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    futures::future::select(std::pin::pin!(run), std::pin::pin!(watch)).await;
    let id = world.move_id().await;
    world.as_ann(&format!("moves resume {id} {line}")).await.ended(Completion::Done);
    world.stack.aws().faults().clear();
    world.all_is_there("acme", &caller, "resumed").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_source_may_still_process_is_older_than_what_is_frozen() {
    let caller = Caller::default();
    let world = stuck(&caller).await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        caller.post(&world, "acme").await;
    }
    world.slow_down();
    let table = CellNames::of(&cell("alpha")).table;
    let run = world.as_ann("tenants move acme --to gamma --drain-time 1s --carry-pending");
    let watch = async {
        tokio::time::sleep(Duration::from_secs(309)).await;
        let mut partly = 0;
        loop {
            let items = world.items(&table).await;
            let times = |status: &str| -> Vec<u64> {
                let items = items.iter().filter(|item| item.get("status") == Some(&text(status)));
                items.map(|item| item["accepted_at"].as_n().unwrap().parse().unwrap()).collect()
            };
            match (times("accepted").into_iter().max(), times("carried").into_iter().min()) {
                (Some(left), Some(frozen)) => {
                    assert!(left <= frozen, "an event of {left} is left, one of {frozen} is frozen");
                    partly += 1;
                }
                (None, Some(_)) => return partly,
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (ran, partly) = futures::future::join(run, watch).await;
    ran.ended(Completion::Done);
    assert!(partly > 2, "seen {partly} times with some of them frozen");
    world.stack.aws().faults().clear();
    world.all_is_there("acme", &caller, "handed over").await;
}

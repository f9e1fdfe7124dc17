//! `cells probe --act` and the events that standbys hold: it brings a cell up as an operator does, and never over their word.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_store::cells::LEASE_TIME;
use futures::future::join;

use super::up::{all_is_home, held};
use super::world::{CellsWorld, text};
use crate::ran::Ran;

/// Polls from one interruption to the next: prime, so that they fall into every part of a run.
const STRIDE: usize = 7;

const ACT: &str = "cells probe --act --successes 1 --max-down 50 --timeout 5";

/// Makes the world of [`held`], in which automation has marked alpha down.
async fn held_by_automation() -> CellsWorld {
    let world = held().await;
    world.set("cell#alpha", "state", "updated_by", text("probe")).await;
    world
}

/// Polls a run until its poll of this number. Returns `None` if it did not end before.
async fn until_poll(run: &mut Pin<&mut impl Future<Output = Ran>>, number: usize) -> Option<Ran> {
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        if polls == number {
            return Poll::Ready(None);
        }
        run.as_mut().poll(context).map(Some)
    })
    .await
}

/// Returns the runs of automation on record.
async fn trail(world: &CellsWorld) -> usize {
    let runs = world.cellctl("audit ls --output json").await.json();
    runs.as_array().unwrap().iter().filter(|run| run["who"] == "probe").count()
}

#[tokio::test(start_paused = true)]
async fn events_come_home_before_the_cell_is_active() {
    let world = held_by_automation().await;
    let ran = world.cellctl(&format!("{ACT} --output json")).await.ended(Completion::Done);
    let up = &ran.json()["marks"][0];
    assert_eq!((&up["cell"], &up["action"], &up["carried"]), (&"alpha".into(), &"up".into(), &4.into()), "{up}");
    let talk = [
        "cell alpha is recovering: it is read, and standbys hold new events",
        "4 events came home, 1 were there already",
        "cell alpha was recovering and is active: it takes new tenants",
        "cell alpha is up: 4 events came home, 1 were there already\n",
    ];
    assert!(ran.talk.ends_with(&talk.join("\n")), "{}", ran.talk);
    all_is_home(&world, "after up").await;
    let state = world.state("alpha").await;
    assert_eq!((state.status.as_str(), state.updated_by.as_deref()), ("active", Some("probe")));
    assert_eq!(trail(&world).await, 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_one_acts() {
    let world = held_by_automation().await;
    for id in ["beta", "gamma"] {
        world.set(&format!("cell#{id}"), "state", "status", text("down")).await;
        world.set(&format!("cell#{id}"), "state", "updated_by", text("probe")).await;
    }
    world.slow_down();
    let later = async |seconds| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        world.cellctl(ACT).await
    };
    // The first run brings up the cells one after another: the last one is recovering when a lease without renewals is over.
    let ((one, two), (soon, late)) =
        join(join(world.cellctl(ACT), world.cellctl(ACT)), join(later(10), later(70))).await;
    let marked = |ran: &Ran| ran.rows().iter().filter(|row| row.ends_with("| done")).count();
    assert!(matches!((marked(&one), marked(&two)), (3, 0) | (0, 3)), "{one:?} {two:?}");
    for (cell, ran) in [("alpha", soon), ("gamma", late)] {
        let rows = ran.ended(Completion::LeftSome).rows();
        let refused =
            format!("cell {cell} was left as it is: another run of `cellctl cells probe --act` has the lease");
        assert!(rows.iter().any(|row| row.ends_with(&refused)), "{rows:?}");
        assert!(!rows.iter().any(|row| row.ends_with("| done")), "{rows:?}");
    }
    assert_eq!(trail(&world).await, 3);
    world.stack.aws().faults().clear();
    all_is_home(&world, "after all").await;
}

#[tokio::test(start_paused = true)]
async fn killed_at_many_await_points_the_next_runs_bring_each_event_home() {
    let mut kill_at = 1;
    loop {
        let world = held_by_automation().await;
        world.slow_down();
        let ended = until_poll(&mut pin!(world.cellctl(ACT)), kill_at).await;
        world.stack.aws().faults().clear();
        let was_killed = ended.is_none();
        if was_killed {
            tokio::time::sleep(LEASE_TIME + Duration::from_secs(1)).await;
            world.cellctl(ACT).await.ended(Completion::Done);
        }
        all_is_home(&world, &format!("killed at {kill_at}")).await;
        assert_eq!(world.status("alpha").await, "active", "killed at {kill_at}");
        if !was_killed {
            break;
        }
        kill_at += STRIDE;
    }
    assert!(kill_at > 10 * STRIDE, "a run has more polls than {kill_at}");
}

#[tokio::test(start_paused = true)]
async fn ended_in_the_last_wait_the_next_run_carries_the_rest() {
    for is_killed in [true, false] {
        let world = held_by_automation().await;
        let deployment = world.deployment();
        let end = async {
            // A repeat: the router reads the cell's record, and does not know of the next mark until the lease is over.
            tokio::time::sleep(Duration::from_secs(15)).await;
            world.taken("acme", Some("first"), 100, "alpha").await;
            tokio::time::sleep(Duration::from_secs(7)).await;
            world.taken("acme", None, 9, "beta").await;
        };
        let run = Ran::of(ACT, &deployment);
        if is_killed {
            tokio::select! {
                ran = run => panic!("{ran:?}"),
                () = end => {}
            }
            tokio::time::sleep(LEASE_TIME + Duration::from_secs(1)).await;
        } else {
            let stop = async {
                end.await;
                deployment.stop().cancel();
            };
            let ran = join(run, stop).await.0.ended(Completion::LeftSome);
            assert!(ran.data.contains("the next run continues"), "{}", ran.data);
        }
        assert_eq!((world.status("alpha").await, world.events("beta").await["held"]), ("active", 1));
        let dry = world.cellctl(&format!("{ACT} --dry-run")).await;
        assert!(dry.rows().iter().any(|row| row.starts_with("alpha | active | up |")), "{dry:?}");
        world.cellctl(ACT).await.ended(Completion::Done);
        world.until("the last event", async || world.total("alpha", "acme").await == (5, 115)).await;
        let after = world.cellctl(ACT).await.ended(Completion::Done);
        assert!(after.talk.contains("no cell to mark"), "{after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operators_mark_at_any_moment_of_its_way_up_stays() {
    let mut mark_at = 1;
    loop {
        let world = held_by_automation().await;
        world.slow_down();
        let mut run = pin!(world.cellctl(ACT));
        if until_poll(&mut run, mark_at).await.is_some() {
            break;
        }
        world.ann("down alpha --retry-after 5m").await.ended(Completion::Done);
        run.await;
        for _ in 0..2 {
            let state = world.state("alpha").await;
            let found = (state.status.as_str(), state.updated_by.as_deref(), state.retry_after);
            assert_eq!(found, ("down", Some("ann"), Some(300)), "marked at {mark_at}");
            world.cellctl(ACT).await.ended(Completion::LeftSome);
        }
        mark_at += STRIDE;
    }
    assert!(mark_at > 10 * STRIDE, "a run has more polls than {mark_at}");
}

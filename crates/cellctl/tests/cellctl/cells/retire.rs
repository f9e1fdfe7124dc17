//! `cells retire`.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::names::CellNames;
use cellstack_emulator::{Fault, FaultKind};
use futures::future::join;
use serde_json::json;

use super::world::{CellsWorld, cell, number, text};

const EVENT: &str = "event#01930000-0000-7000-8000-000000000001";

/// Puts into beta all that keeps it from being retired. It is the home of globex and the standby of acme already.
async fn crowd(world: &CellsWorld) {
    let fault = Fault::new("SQS", "ReceiveMessage", FaultKind::Throttle).on("cellstack-cell-beta-events");
    world.stack.aws().faults().inject(fault);
    tokio::time::sleep(Duration::from_secs(30)).await; // Receives that were waiting already have ended.
    world.send("cellstack-cell-beta-events", "a message").await;
    for place in ["events-dlq", "topic-dlq", "stream-dlq"] {
        world.send(&format!("cellstack-cell-beta-{place}"), "a letter").await;
    }
    let event = [("tenant_id", text("acme")), ("sk", text(EVENT)), ("status", text("held"))];
    world.put("cellstack-cell-beta", &event).await;
    world.set("cell#beta", "state", "tenants", number(3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_not_empty_stays_and_all_obstacles_are_listed_at_once() {
    let world = CellsWorld::new().await;
    crowd(&world).await;
    let ran = world.ann("retire beta").await;
    let rows = [
        "still there | count | next",
        "tenants | 1 | cellctl cells drain beta; cellctl tenants ls --cell beta",
        "tenants that it stands by for | 1 | cellctl cells show beta; cellctl tenants set-standby TENANT CELL",
        "tenants that are counted wrongly | 2 | cellctl cells recount",
        "messages | 1 | wait until the consumer has them",
        "dead letters | 3 | cellctl dlq ls --cell beta; redrive or purge them",
        "events that are not done | 1 | wait until they are processed, or carried home: cellctl cells up alpha; \
         cellctl dlq ls --cell beta",
    ];
    assert_eq!(ran.rows(), rows.map(str::to_owned).to_vec());
    assert_eq!(
        ran.completion.unwrap_err(),
        "cell beta is not empty; expected no tenants, messages, letters and unprocessed events, found tenants, tenants that \
         it stands by for, tenants that are counted wrongly, messages, dead letters, events that are not done"
    );
    assert_eq!(world.status("beta").await, "active", "a refusal changes nothing");

    let ran = world.ann("retire beta --dry-run --output json").await;
    assert!(ran.completion.is_err());
    assert_eq!(ran.json().as_array().unwrap().len(), 6);
    let expected =
        json!({"what": "dead letters", "count": "3", "next": "cellctl dlq ls --cell beta; redrive or purge them"});
    assert_eq!(ran.json()[4], expected);
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_the_map_that_cannot_be_read_may_be_a_tenant_of_the_cell() {
    let world = CellsWorld::new().await;
    world.put("cellstack-tenant-map", &[("tenant_id", text("broken"))]).await;
    let error = world.ann("retire gamma").await.completion.unwrap_err();
    assert!(error.ends_with("found tenants that it stands by for, entries of the map that can't be read"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_cell_is_retired_from_active_draining_and_down() {
    for status in ["active", "draining", "down"] {
        let world = CellsWorld::new().await;
        world.cellctl("tenants set-standby initech beta --operator ann").await.ended(Completion::Done);
        world.set("cell#gamma", "state", "status", text(status)).await;
        // The events of probes do not count.
        let probe =
            [("tenant_id", text("cellstack-probe")), ("sk", text("event#01932c07-209c-7a3e-8000-0123456789ab"))];
        let table = CellNames::of(&cell("gamma")).table;
        // Written twice, so that the stream shows no new event.
        for status in ["processed", "accepted"] {
            world.put(&table, &[&probe[..], &[("status", text(status))]].concat()).await;
        }
        let dry = world.ann("retire gamma --dry-run").await.ended(Completion::Done);
        assert_eq!(dry.talk, "cell gamma is empty and would be retired\n");
        assert_eq!(world.status("gamma").await, status);

        let done = world.ann("retire gamma --output json").await.ended(Completion::Done);
        let next = "cell gamma is retired. Next: deletion_protection = false and retire = [\"gamma\"] in Terraform\n";
        assert_eq!((done.json(), done.talk.as_str()), (json!([]), next));
        assert_eq!(world.status("gamma").await, "retired", "from {status}");
        let again = world.ann("retire gamma").await.ended(Completion::Done);
        assert!(again.talk.starts_with("cell gamma is retired already, by ann at 2026-01-01T"), "{}", again.talk);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_placed_at_any_moment_is_never_in_a_retired_cell() {
    let (mut refused, mut retired) = (0, 0);
    for ms in (0..60).step_by(3) {
        let world = CellsWorld::new().await;
        world.cellctl("tenants set-standby initech beta --operator ann").await.ended(Completion::Done);
        world.slow_down();
        let place = async {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            world.stack.place(&"late".parse().unwrap(), &cell("gamma")).await
        };
        let (ran, placed) = join(world.ann("retire gamma"), place).await;
        world.stack.aws().faults().clear();
        match ran.completion {
            Ok(completion) => {
                assert_eq!((completion, world.status("gamma").await), (Completion::Done, "retired"), "at {ms} ms");
                assert!(placed.is_err() && world.state("gamma").await.tenants == 0, "at {ms} ms");
                retired += 1;
            }
            Err(error) => {
                assert!(placed.is_ok() && world.status("gamma").await != "retired", "at {ms} ms: {error}");
                refused += usize::from(error.contains("cell gamma was empty, and got 1 tenants"));
            }
        }
    }
    assert!(refused > 0 && retired > 0, "{refused} {retired}");
}

#[tokio::test(start_paused = true)]
async fn a_move_under_way_that_makes_the_cell_a_standby_keeps_it() {
    let world = CellsWorld::new().await;
    world.cellctl("tenants set-standby initech beta --operator ann").await.ended(Completion::Done);
    let retire = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let ran = world.ann("retire gamma").await;
        let rows = [
            "still there | count | next",
            "moves that make it a standby | 1 | cellctl moves ls --under-way; wait, or abort them",
        ];
        assert_eq!(ran.rows(), rows);
        let error = ran.completion.unwrap_err();
        assert!(error.ends_with("found moves that make it a standby"), "{error}");
        assert_eq!(world.status("gamma").await, "active");
    };
    let (ran, ()) = join(world.as_ann("tenants move hooli --to beta --standby gamma"), retire).await;
    ran.ended(Completion::Done);
    let error = world.ann("retire gamma").await.completion.unwrap_err();
    assert!(error.ends_with("found tenants that it stands by for"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_move_that_begins_at_any_moment_never_makes_a_retired_cell_a_standby() {
    let (mut refused, mut retired) = (0, 0);
    for ms in (0..90).step_by(3) {
        let world = CellsWorld::new().await;
        world.cellctl("tenants set-standby initech beta --operator ann").await.ended(Completion::Done);
        world.slow_down();
        let retire = async {
            tokio::time::sleep(Duration::from_millis(40)).await;
            world.ann("retire gamma").await
        };
        let moves = async {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let run = world.as_ann("tenants move hooli --to beta --standby gamma");
            tokio::time::timeout(Duration::from_secs(60), run).await
        };
        let (ran, moved) = join(retire, moves).await;
        world.stack.aws().faults().clear();
        // A move that has begun takes minutes.
        let has_begun = moved.is_err();
        match ran.completion {
            Ok(completion) => {
                assert_eq!((completion, world.status("gamma").await), (Completion::Done, "retired"), "at {ms} ms");
                assert!(!has_begun, "at {ms} ms");
                retired += 1;
            }
            Err(error) => {
                assert!(has_begun && world.status("gamma").await != "retired", "at {ms} ms: {error}");
                refused += usize::from(error.contains("and for 1 that are being moved, meanwhile"));
            }
        }
    }
    assert!(refused > 0 && retired > 0, "{refused} {retired}");
}

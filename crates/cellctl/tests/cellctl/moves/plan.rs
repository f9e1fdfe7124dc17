//! Plans of moves that are run, and the switch that holds them up.

use std::path::PathBuf;
use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_emulator::{Fault, FaultKind};
use futures::future::{join, join3};
use serde_json::json;

use super::world::Caller;
use crate::cells::world::{CellsWorld, text};
use crate::ran::Ran;

/// Makes a world, and a file with the plan that drains alpha.
async fn planned(name: &str) -> (CellsWorld, PathBuf) {
    let world = CellsWorld::new().await;
    let path = std::env::temp_dir().join(format!("cellctl-{}-{name}.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    world.ann(&format!("drain alpha --plan {}", path.display())).await.ended(Completion::Done);
    (world, path)
}

#[tokio::test(start_paused = true)]
async fn a_cell_is_drained_by_its_plan_while_its_tenants_write() {
    let (world, path) = planned("run").await;
    let callers = [Caller::default(), Caller::default(), Caller::default()];
    let tenants = ["acme", "initech", "hooli"];
    let line = format!("moves run {}", path.display());
    let dry = world.as_ann(&format!("{line} --dry-run")).await.ended(Completion::Done);
    assert_eq!(dry.talk, "tenants: 3 to move, 0 to get another standby\n");

    world.as_ann("moves pause").await.ended(Completion::Done);
    let run = async {
        let ran = world.as_ann(&format!("{line} --tenants-at-once 2 --output json")).await.ended(Completion::Done);
        callers.iter().for_each(|caller| caller.ended.set(true));
        ran
    };
    let unpause = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(world.place_of("acme").await.2, "active", "no move begins while runs are paused");
        world.as_ann("moves unpause").await.ended(Completion::Done);
    };
    let writes = futures::future::join_all(
        callers.iter().zip(tenants).map(|(caller, tenant)| caller.write(&world, tenant, Duration::from_secs(3))),
    );
    let (ran, _) = join(run, join(unpause, writes)).await;
    assert!(ran.talk.contains("paused by ann since 2026-01-01T00:00:0"), "{}", ran.talk);
    let mut report = ran.json();
    assert!(report["longest_pause_ms"].take().as_u64().is_some_and(|pause| pause < 2_000), "{report}");
    let expected = json!({ "moved": 3, "failed": {}, "not_begun": 0, "standbys": 0, "longest_pause_ms": null });
    assert_eq!(report, expected);

    for (caller, tenant) in callers.iter().zip(tenants) {
        assert_ne!(world.place_of(tenant).await.0, "alpha");
        world.all_is_there(tenant, caller, tenant).await;
    }
    let again = world.as_ann(&line).await.completion.unwrap_err();
    assert!(again.contains("have changed since the plan was made"), "{again}");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_lets_no_further_move_begin() {
    let (world, path) = planned("fails").await;
    let line = format!("moves run {} --tenants-at-once 1 --output json", path.display());
    let pin = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        world.cellctl("tenants pin hooli --operator bob").await.ended(Completion::Done);
        world.cellctl("tenants set-standby hooli beta --operator bob").await.ended(Completion::Done);
    };
    let (ran, ()) = join(world.as_ann(&line), pin).await;
    let report = ran.ended(Completion::LeftSome).json();
    assert_eq!(report["moved"], 1, "{report}");
    let why = report["failed"]["hooli"].as_str().unwrap();
    assert_eq!(why, "it has changed its cell, standby or epoch since the plan was made");
    assert_eq!(report["not_begun"], 1);
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_pinned_while_the_plan_runs_stays() {
    let (world, path) = planned("pinned").await;
    let line = format!("moves run {} --tenants-at-once 1 --output json", path.display());
    let pin = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        world.cellctl("tenants pin hooli --operator bob").await.ended(Completion::Done);
    };
    let (ran, ()) = join(world.as_ann(&line), pin).await;
    let report = ran.ended(Completion::LeftSome).json();
    let why = report["failed"]["hooli"].as_str().unwrap();
    assert_eq!(why, "it was pinned since the plan was made: `cellctl tenants unpin hooli`");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_read_the_switch_drops_no_move() {
    let (world, path) = planned("switch").await;
    let line = format!("moves run {} --tenants-at-once 2 --output json", path.display());
    let unreadable = async {
        tokio::time::sleep(Duration::from_secs(250)).await;
        let fault = Fault::new("DynamoDB", "GetItem", FaultKind::ServerError).on("cellstack-registry");
        let fault = world.stack.aws().faults().inject(fault);
        world.until("one has moved", async || world.place_of("acme").await.0 != "alpha").await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        world.stack.aws().faults().remove(fault);
    };
    let (ran, ()) = join(world.as_ann(&line), unreadable).await;
    assert!(ran.talk.contains("no further move begins: "), "{}", ran.talk);
    let report = ran.ended(Completion::LeftSome).json();
    assert_eq!((&report["moved"], &report["failed"], &report["not_begun"]), (&json!(2), &json!({}), &json!(1)));
    let runs = world.cellctl("audit ls --what moves --output json").await.ended(Completion::Done).json();
    let run = runs.as_array().unwrap().iter().find(|run| run["what"] == "moves run").unwrap();
    assert_eq!((&run["outcome"], &run["troubles"]), (&json!("failed"), &json!(["1 moves were not begun"])));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_writes_faster_than_it_is_copied_is_named() {
    let (world, caller) = (CellsWorld::new().await, Caller::default());
    let path = std::env::temp_dir().join(format!("cellctl-{}-faster.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    world.ann(&format!("drain alpha --plan {}", path.display())).await.ended(Completion::Done);
    for _ in 0..150 {
        caller.post(&world, "acme").await;
    }
    let deployment = world.deployment();
    let line = format!("moves run {} --write-units 1 --operator ann --reason test", path.display());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        deployment.stop().cancel();
        caller.ended.set(true);
    };
    let writes = caller.write(&world, "acme", Duration::from_millis(500));
    let (ran, (), ()) = join3(Ran::of(&line, &deployment), stop, writes).await;
    let ran = ran.ended(Completion::LeftSome);
    let moves = world.cellctl("moves ls --tenant acme --output json").await.ended(Completion::Done).json();
    let id = moves[0]["move"].as_str().unwrap();
    let resume = format!("`cellctl moves resume {id} --write-units 900` copies faster");
    assert_eq!(ran.talk.matches(&resume).count(), 1, "once: {}", ran.talk);
    world.as_ann(&format!("moves resume {id} --write-units 900")).await.ended(Completion::Done);
    world.all_is_there("acme", &caller, "resumed").await;
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_is_changed_while_the_plan_runs_stays() {
    let world = CellsWorld::new().await;
    world.cellctl("tenants set-standby initech beta --operator ann").await.ended(Completion::Done);
    let path = std::env::temp_dir().join(format!("cellctl-{}-standbys.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    world.ann(&format!("drain beta --plan {}", path.display())).await.ended(Completion::Done);
    let slow = Fault::new("DynamoDB", "TransactWriteItems", FaultKind::Latency(Duration::from_secs(1)));
    world.stack.aws().faults().inject(slow);
    let change = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let update =
            world.stack.dynamodb().update_item().table_name("cellstack-tenant-map").key("tenant_id", text("initech"));
        let update = update
            .update_expression("SET standby_cell_id = :delta")
            .expression_attribute_values(":delta", text("delta"));
        update.send().await.unwrap();
    };
    let line = format!("moves run {}", path.display());
    let (ran, ()) = join(world.as_ann(&line), change).await;
    let why = ran.completion.unwrap_err();
    let expected = "initech has changed its cell, standby or epoch since the plan was made: make the plan anew";
    assert!(why.contains(expected), "{why}");
    std::fs::remove_file(&path).unwrap();
}

//! Moves that are refused, and what is said.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::cell_table::Item;
use cellstack_embedded::names::CellNames;
use futures::future::join;

use super::errors::is_documented;
use super::world::Caller;
use crate::cells::world::{CellsWorld, cell, number, text};
use crate::ran::Ran;

async fn refusal(world: &CellsWorld, line: &str) -> String {
    world.as_ann(line).await.completion.expect_err(line)
}

#[tokio::test(start_paused = true)]
async fn a_move_that_makes_no_sense_changes_nothing() {
    let world = CellsWorld::new().await;
    world.set("cell#gamma", "config", "capacity", number(0)).await;
    for (line, expected) in [
        ("tenants move acme --to alpha", "tenant acme is in cell alpha already"),
        ("tenants move acme --to omega", "omega"),
        ("tenants move acme --to gamma", "cell gamma is full"),
        ("tenants move acme --to beta --standby beta", "beta"),
        ("tenants move nobody --to beta", "tenant nobody is not placed"),
        (
            "moves resume 01932c07-209c-7a3e-8000-0123456789ab",
            "no move 01932c07-209c-7a3e-8000-0123456789ab is on record",
        ),
    ] {
        for line in [line, &format!("{line} --dry-run")] {
            // A resumption has nothing to show before.
            if line.starts_with("moves resume") && line.ends_with("--dry-run") {
                continue;
            }
            let found = refusal(&world, line).await;
            assert!(found.contains(expected), "{line}: {found}");
        }
    }
    is_documented(&refusal(&world, "tenants move acme --to alpha").await);
    is_documented(&refusal(&world, "moves abort 01932c07-209c-7a3e-8000-0123456789ab").await);
    world.set("cell#gamma", "config", "table", text("arn:aws:dynamodb:us-east-1:111122223333:table/other")).await;
    for more in ["", "--dry-run"] {
        is_documented(&refusal(&world, &format!("tenants move acme --to gamma {more}")).await);
    }
    world.ann("down alpha").await.ended(Completion::Done);
    let found = refusal(&world, "tenants move acme --to beta").await;
    assert!(found.contains("cell alpha is down; expected one that serves"), "{found}");
    is_documented(&found);
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 1, "active"));
    assert_eq!(world.registered("moves").await, 0);
    world.books_are_right("after refusals").await;
}

#[tokio::test(start_paused = true)]
async fn the_status_names_a_move_whose_run_died_while_writes_wait() {
    let caller = Caller::default();
    let world = CellsWorld::new().await;
    caller.post(&world, "acme").await;
    world.slow_down();
    let run = world.as_ann("tenants move acme --to gamma");
    let fenced = async {
        tokio::time::sleep(Duration::from_secs(300)).await;
        while world.last_move().await["phase"] == "moving" {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let moving = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        let shown = world.cellctl("status").await.ended(Completion::Done);
        assert!(shown.talk.contains("1 move is under way: cellctl moves ls --under-way"), "{}", shown.talk);
    };
    futures::future::select(std::pin::pin!(run), std::pin::pin!(join(moving, fenced))).await;
    let id = world.move_id().await;
    world.cellctl("status").await.ended(Completion::Done);
    tokio::time::sleep(Duration::from_secs(65)).await;
    let shown = world.cellctl("status").await.ended(Completion::LeftSome);
    let note = format!("s for a move of ann's: cellctl moves resume {id}");
    assert!(
        shown.talk.contains("look: acme's writes have waited for 65") && shown.talk.contains(&note),
        "{}",
        shown.talk
    );
    let json = world.cellctl("status --output json").await.ended(Completion::LeftSome).json();
    let under_way = &json["moves"]["under_way"][0];
    assert_eq!((&under_way["move"], &under_way["tenant"]), (&id.clone().into(), &"acme".into()), "{json}");
    assert!(under_way["fenced"].as_str().unwrap().starts_with("2026-01-01T00:05:"), "{json}");
    world.as_ann(&format!("moves resume {id}")).await.ended(Completion::Done);
    let json = world.cellctl("status --output json").await.ended(Completion::Done).json();
    assert_eq!(json["moves"], serde_json::json!({ "under_way": [], "paused": null }));
}

#[tokio::test(start_paused = true)]
async fn a_second_operator_is_told_who_moves_the_tenant_and_what_to_type() {
    let world = CellsWorld::new().await;
    let run = world.as_ann("tenants move acme --to gamma");
    let second = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let id = world.move_id().await;
        let told = world.cellctl("tenants move acme --to beta --operator bob --reason test").await;
        let told = told.completion.unwrap_err();
        is_documented(&told);
        let parts = [
            "tenant acme is being moved from alpha to gamma by ann (test): moving since 2026-01-01T00:0".to_owned(),
            format!("look with `cellctl moves show {id}`"),
            format!("continue with `cellctl moves resume {id}`"),
            format!("undo with `cellctl moves abort {id}`"),
        ];
        for part in parts {
            assert!(told.contains(&part), "{told}");
        }
        for verb in ["resume", "abort"] {
            let told = world.cellctl(&format!("moves {verb} {id} --operator bob --reason test")).await;
            let told = told.completion.unwrap_err();
            is_documented(&told);
            assert!(told.contains(&format!("move {id} is being run by ann: moving since")), "{told}");
        }
        for line in ["tenants pin acme", "tenants set-standby acme gamma"] {
            let told = world.cellctl(&format!("{line} --operator bob")).await.completion.unwrap_err();
            assert!(told.contains("tenant acme is moving"), "{told}");
        }
        assert_eq!(world.place_of("acme").await.2, "moving");
        world.books_are_right("while it moves").await;
    };
    let (ran, ()) = join(run, second).await;
    ran.ended(Completion::Done);
    assert_eq!(world.place_of("acme").await, ("gamma".to_owned(), 2, "active"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_taken_over_stops() {
    let world = CellsWorld::new().await;
    world.as_ann("tenants move acme --to gamma --drain-time 1s").await.ended(Completion::Done);
    let id = world.move_id().await;
    world.set("moves", &id, "phase", text("verified")).await;
    let back = refusal(&world, &format!("moves back {id}")).await;
    assert!(back.contains("expected one that has ended"), "{back}");
    // The map does not have the move any more, so its last step is refused, and says by whom it was taken.
    let resumed = refusal(&world, &format!("moves resume {id}")).await;
    assert!(resumed.contains(&format!("move {id} was taken over by ann")), "{resumed}");
    is_documented(&resumed);
    assert_eq!(world.place_of("acme").await, ("gamma".to_owned(), 2, "active"));
    world.books_are_right("after it").await;
}

fn event(id: &str, attributes: &[(&str, &str)]) -> Item {
    let key = [("tenant_id", "acme"), ("sk", id), ("status", "processed"), ("type", "order")];
    key.iter().chain(attributes).map(|(name, value)| ((*name).to_owned(), text(value))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_no_copy_explains_stops_the_move_and_is_named() {
    let caller = Caller::default();
    let world = CellsWorld::new().await;
    caller.post(&world, "acme").await;
    world.until("the event", async || world.total("alpha", "acme").await == (1, 1)).await;
    let first = format!("event#{}", caller.acknowledged.borrow().values().next().unwrap());
    let other = "event#01932c07-209c-7a3e-8000-0123456789ab";
    let table = CellNames::of(&cell("gamma")).table;
    for item in [event(&first, &[("body_sha256", "another")]), event(other, &[("body_sha256", "new")])] {
        world.stack.dynamodb().put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
    }
    // An item that only the destination has is found at once, while no caller waits.
    let begun = tokio::time::Instant::now();
    let ran = world.as_ann("tenants move acme --to gamma").await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let found = ran.completion.unwrap_err();
    is_documented(&found);
    let differ = "1 item of acme differ between alpha and gamma; nothing was flipped: ";
    assert_eq!(found, format!("{differ}{other} is only in the destination"));
    let id = world.move_id().await;
    let next = format!("`cellctl moves resume {id}` continues it, `cellctl moves abort {id}` undoes it\n");
    assert!(ran.talk.ends_with(&format!("move {id} is moving: {next}")), "{}", ran.talk);
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 1, "moving"));
    let delete = world.stack.dynamodb().delete_item().table_name(&table);
    delete.key("tenant_id", text("acme")).key("sk", text(other)).send().await.unwrap();

    let ran = world.as_ann(&format!("moves resume {id}")).await;
    let found = ran.completion.unwrap_err();
    assert_eq!(found, format!("{differ}{first} has another body in the destination"));
    assert!(ran.talk.ends_with(&format!("move {id} is drained: {next}")), "{}", ran.talk);
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 1, "fenced"));

    world.as_ann(&format!("moves abort {id}")).await.ended(Completion::Done);
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 2, "active"));
    let delete = world.stack.dynamodb().delete_item().table_name(&table);
    delete.key("tenant_id", text("acme")).key("sk", text(&first)).send().await.unwrap();
    caller.post(&world, "acme").await;
    world.all_is_there("acme", &caller, "after the abort").await;
}

#[tokio::test(start_paused = true)]
async fn while_a_cell_of_the_move_is_down_no_caller_waits() {
    let caller = Caller::default();
    let world = CellsWorld::new().await;
    caller.post(&world, "acme").await;
    let down = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        world.ann("down gamma").await.ended(Completion::Done);
    };
    let (ran, ()) = join(world.as_ann("tenants move acme --to gamma"), down).await;
    let found = ran.completion.unwrap_err();
    assert!(
        found.starts_with("cell gamma is down; expected one that serves before the callers of acme wait"),
        "{found}"
    );
    is_documented(&found);
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 1, "moving"));
    caller.post(&world, "acme").await;
    assert!(caller.longest.get() < Duration::from_secs(1));

    world.ann("up gamma").await.ended(Completion::Done);
    world.as_ann(&format!("moves resume {}", world.move_id().await)).await.ended(Completion::Done);
    assert_eq!(world.place_of("acme").await, ("gamma".to_owned(), 2, "active"));
    world.all_is_there("acme", &caller, "after the move").await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_purged_when_its_time_is_over_and_the_owner_has_all_of_it() {
    let caller = Caller::default();
    let world = CellsWorld::new().await;
    for _ in 0..3 {
        caller.post(&world, "acme").await;
    }
    world.until("the events", async || world.total("alpha", "acme").await == (3, 3)).await;
    world.as_ann("tenants move acme --to gamma --retain 1h").await.ended(Completion::Done);
    let id = world.move_id().await;
    let early = refusal(&world, &format!("moves purge {id}")).await;
    is_documented(&early);
    assert!(early.starts_with("the copy of acme in alpha is kept until 2026-01-01T01:0"), "{early}");

    let lost = format!("event#{}", caller.acknowledged.borrow().values().next().unwrap());
    let table = CellNames::of(&cell("gamma")).table;
    let delete = world
        .stack
        .dynamodb()
        .delete_item()
        .table_name(&table)
        .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld);
    let lost_item = delete.key("tenant_id", text("acme")).key("sk", text(&lost)).send().await.unwrap().attributes;
    let refused = refusal(&world, &format!("moves purge {id} --now")).await;
    assert!(refused.contains(&format!("{lost} is missing")), "{refused}");
    assert_eq!(world.partition("alpha", "acme").await.len(), 8 + 3 + 1);
    world.stack.dynamodb().put_item().table_name(&table).set_item(lost_item).send().await.unwrap();

    // The processor may delete an item of its own in the tenant's new cell: the copy is purged all the same.
    let own = event("own#1", &[]);
    let put = world.stack.dynamodb().put_item().table_name(CellNames::of(&cell("alpha")).table);
    put.set_item(Some(own)).send().await.unwrap();
    let dry = world.as_ann(&format!("moves purge {id} --now --dry-run")).await.ended(Completion::Done);
    assert_eq!(dry.talk, "5 items of acme would be deleted in alpha\n");
    world.as_ann(&format!("moves purge {id} --now")).await.ended(Completion::Done);
    assert_eq!(world.partition("alpha", "acme").await.len(), 8, "the fence stays");
    let again = refusal(&world, &format!("moves purge {id} --now")).await;
    assert!(again.contains("is deleted already"), "{again}");

    let back = world.as_ann(&format!("moves back {id}")).await.ended(Completion::Done);
    assert!(back.talk.contains("acme is in alpha"), "{}", back.talk);
    world.all_is_there("acme", &caller, "back").await;
    let gone = refusal(&world, &format!("moves back {id}")).await;
    assert!(gone.contains("acme is in alpha by now; expected gamma"), "{gone}");
}

/// The cell that had the tenant serves others: a purge must not take its capacity.
#[tokio::test(start_paused = true)]
async fn a_purge_takes_no_more_write_units_than_it_may_and_goes_on_after_it_was_stopped() {
    let (caller, world) = (Caller::default(), CellsWorld::new().await);
    for _ in 0..150 {
        caller.post(&world, "acme").await;
    }
    world.until("the events", async || world.total("alpha", "acme").await == (150, 150)).await;
    world.as_ann("tenants move acme --to gamma").await.ended(Completion::Done);
    let purge = format!("moves purge {} --now --write-units 100 --operator ann --reason test", world.move_id().await);
    let deployment = world.deployment();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        deployment.stop().cancel();
    };
    let (stopped, ()) = join(Ran::of(&purge, &deployment), stop).await;
    let stopped = stopped.ended(Completion::LeftSome);
    assert!(stopped.talk.contains("of 151 items are deleted; `cellctl moves purge"), "{}", stopped.talk);
    let left = world.partition("alpha", "acme").await.len() as u64 - 8;
    assert!(left > 0 && left < 151, "{left}");

    let begun = tokio::time::Instant::now();
    let done = Ran::of(&purge, &world.deployment()).await.ended(Completion::Done);
    assert_eq!(done.talk, format!("{left} items of acme are deleted in alpha\n"));
    assert_eq!(world.partition("alpha", "acme").await.len(), 8, "the fence stays");
    // The total's deletion waits for those of the events: each takes two units.
    assert!(begun.elapsed() >= Duration::from_millis((left - 1) * 2 * 10), "{:?} for {left}", begun.elapsed());
    world.all_is_there("acme", &caller, "after the purge").await;
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_a_move_back_overtakes_deletes_nothing() {
    for late in (0..60).step_by(3) {
        let caller = Caller::default();
        let world = CellsWorld::new().await;
        for _ in 0..3 {
            caller.post(&world, "acme").await;
        }
        world.until("the events", async || world.total("alpha", "acme").await == (3, 3)).await;
        world.as_ann("tenants move acme --to gamma").await.ended(Completion::Done);
        let id = world.move_id().await;
        world.slow_down();
        let purge = async {
            tokio::time::sleep(Duration::from_millis(late)).await;
            world.as_ann(&format!("moves purge {id} --now")).await.completion
        };
        let line = format!("moves back {id}");
        let (purged, back) = join(purge, world.as_ann(&line)).await;
        back.ended(Completion::Done);
        world.stack.aws().faults().clear();
        world.all_is_there("acme", &caller, &format!("{late} ms late")).await;
        if purged.is_err_and(|error| error.contains("tenant acme: other operators changed it")) {
            return;
        }
    }
    panic!("no purge was overtaken between its look and its deletion");
}

/// Begins a move, ends its run, and aborts it. Returns its id.
async fn aborted(world: &CellsWorld, line: &str) -> String {
    let begun = tokio::time::timeout(Duration::from_secs(60), world.as_ann(line)).await;
    assert!(begun.is_err(), "{line}: {begun:?}");
    let id = world.move_id().await;
    world.as_ann(&format!("moves abort {id}")).await.ended(Completion::Done);
    id
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_a_later_move_keeps_outlives_the_purge_of_an_aborted_one() {
    let (caller, world) = (Caller::default(), CellsWorld::new().await);
    caller.post(&world, "acme").await;
    world.until("the event", async || world.total("alpha", "acme").await == (1, 1)).await;
    let id = aborted(&world, "tenants move acme --to gamma").await;
    let back = refusal(&world, &format!("moves back {id}")).await;
    let expected =
        format!("move {id} is aborted; expected one that has taken acme to gamma: this one has left it in alpha");
    assert_eq!(back, expected);

    for more in ["", "--dry-run"] {
        let again = refusal(&world, &format!("moves abort {id} {more}")).await;
        assert_eq!(again, format!("move {id} is aborted; expected one that is under way: nothing is left to do"));
    }

    for line in ["tenants move acme --to gamma", "tenants move acme --to alpha"] {
        world.as_ann(line).await.ended(Completion::Done);
    }
    let later = world.move_id().await;
    for more in ["", "--dry-run"] {
        let refused = refusal(&world, &format!("moves purge {id} {more}")).await;
        is_documented(&refused);
        assert!(refused.starts_with("the copy of acme in gamma is kept until 2026-01-08T"), "{refused}");
        assert!(refused.ends_with(&format!(" by move {later}; expected a later time, or --now")), "{refused}");
    }
    world.as_ann(&format!("moves purge {id} --now")).await.ended(Completion::Done);
    assert_eq!(world.partition("gamma", "acme").await.len(), 8, "the fence stays");
    let back = refusal(&world, &format!("moves back {id}")).await;
    assert!(back.ends_with("expected one that has taken acme to gamma: this one has left it in alpha"), "{back}");
    world.all_is_there("acme", &caller, "after the purge").await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_an_earlier_move_keeps_outlives_the_purge_of_an_aborted_way_back() {
    let (caller, world) = (Caller::default(), CellsWorld::new().await);
    caller.post(&world, "acme").await;
    world.until("the event", async || world.total("alpha", "acme").await == (1, 1)).await;
    world.as_ann("tenants move acme --to gamma --retain 1h").await.ended(Completion::Done);
    let kept = world.move_id().await;
    let id = aborted(&world, &format!("moves back {kept}")).await;
    let refused = refusal(&world, &format!("moves purge {id}")).await;
    assert!(refused.starts_with("the copy of acme in alpha is kept until 2026-01-01T01:"), "{refused}");
    assert!(refused.contains(&format!(" by move {kept}; expected")), "{refused}");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    world.as_ann(&format!("moves purge {id}")).await.ended(Completion::Done);
    assert_eq!(world.partition("alpha", "acme").await.len(), 8, "the fence stays");
    world.all_is_there("acme", &caller, "after the purge").await;
}

#[tokio::test(start_paused = true)]
async fn a_purge_whose_copy_has_more_than_the_owner_says_that_it_stays() {
    let (caller, world) = (Caller::default(), CellsWorld::new().await);
    caller.post(&world, "acme").await;
    world.until("the event", async || world.total("alpha", "acme").await == (1, 1)).await;
    world.as_ann("tenants move acme --to gamma").await.ended(Completion::Done);
    let id = world.move_id().await;
    let item = event("event#01932c07-209c-7a3e-8000-0123456789ab", &[("body_sha256", "new")]);
    let put = world.stack.dynamodb().put_item().table_name(CellNames::of(&cell("alpha")).table);
    put.set_item(Some(item)).send().await.unwrap();
    let refused = refusal(&world, &format!("moves purge {id} --now")).await;
    assert!(
        refused.starts_with("the copy of acme in alpha stays: gamma is not known to have all of it: 1 item"),
        "{refused}"
    );
}

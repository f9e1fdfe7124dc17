//! A tenant from its placement to its removal, and back.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_cellctl::Completion;
use cellstack_core::limits::REPLACE_WAIT;
use cellstack_embedded::names::CellNames;

use super::world::{TenantsWorld, number, text};

async fn world() -> TenantsWorld {
    let world = TenantsWorld::new(&[("alpha", 5), ("beta", 5), ("gamma", 5)]).await;
    world.place("acme --cell alpha --standby beta").await.ended(Completion::Done);
    world
}

async fn unplace(world: &TenantsWorld, more: &str) -> crate::ran::Ran {
    world.cellctl(&format!("tenants unplace acme --operator test --reason over {more}")).await
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_removed_waits_and_comes_back_above_its_epoch() {
    let world = world().await;
    let ran = unplace(&world, "").await.ended(Completion::Done);
    assert!(ran.talk.contains("acme is removed from alpha; its data stays there"), "{}", ran.talk);
    assert_eq!(world.check_books("removed").await, 0);
    // Alone, in bulk, and in a dry run.
    for more in ["acme", "acme globex", "acme --dry-run"] {
        let ran = world.place(more).await.ended(Completion::LeftSome);
        assert!(ran.data.contains("tenant acme was removed a short time ago"), "{more}: {}", ran.data);
    }
    assert_eq!(world.check_books("too early").await, 1);

    tokio::time::sleep(REPLACE_WAIT).await;
    world.place("acme hooli --cell beta").await.ended(Completion::Done);
    let route = world.entry("acme").await.route;
    assert_eq!((route.cell_id.as_str(), route.epoch.0), ("beta", 2));
    assert_eq!(world.check_books("back").await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_events_that_are_not_done_is_removed_by_force_only() {
    for (cell, status) in [("alpha", "accepted"), ("beta", "held")] {
        let world = world().await;
        let put = world.stack.dynamodb().put_item().table_name(CellNames::of(&cell.parse().unwrap()).table);
        let put = put.item("tenant_id", text("acme")).item("sk", text("event#0")).item("status", text(status));
        // No record of the stream, so that no producer takes it.
        world.stack.aws().faults().clear();
        put.item("epoch", number(1)).item("seen", AttributeValue::Bool(true)).send().await.unwrap();
        let error = unplace(&world, "").await.completion.unwrap_err();
        let expected = format!("acme has 1 events in cell {cell} that are not processed; expected none");
        assert!(error.contains(&expected) && error.contains("--force"), "{error}");
        assert_eq!(world.check_books("refused").await, 1);
        unplace(&world, "--force --dry-run").await.ended(Completion::Done);
        assert_eq!(world.check_books("dry run").await, 1);
        unplace(&world, "--force").await.ended(Completion::Done);
        assert_eq!(world.check_books("forced").await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_is_replaced_unless_it_may_hold_events() {
    let world = world().await;
    let set = async |more: &str| world.cellctl(&format!("tenants set-standby acme --operator test {more}")).await;
    assert!(set("gamma --dry-run").await.ended(Completion::Done).talk.contains("would change from beta to gamma"));
    set("gamma").await.ended(Completion::Done);
    assert_eq!(world.check_books("gamma").await, 1);
    set("beta").await.ended(Completion::Done);
    assert_eq!(world.check_books("back to beta").await, 1);
    let error = set("alpha").await.completion.unwrap_err();
    assert!(error.contains("the standby must be another cell than the tenant's own"), "{error}");
    for status in ["down", "recovering"] {
        world.set_cell("alpha", "state", "status", text(status)).await;
        let error = set("--none").await.completion.unwrap_err();
        assert!(error.contains("the standby of acme may hold events"), "{status}: {error}");
    }
    world.set_cell("alpha", "state", "status", text("active")).await;
    set("--none").await.ended(Completion::Done);
    assert_eq!(world.entry("acme").await.route.standby_cell_id, None);
    assert_eq!(world.check_books("none").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pin_is_set_and_taken_away() {
    let world = world().await;
    for (verb, pinned) in [("pin", true), ("pin", true), ("unpin", false)] {
        world.cellctl(&format!("tenants {verb} acme --operator test")).await.ended(Completion::Done);
        assert_eq!(world.entry("acme").await.pinned, pinned);
    }
    world.place("stark --pin").await.ended(Completion::Done);
    assert!(world.entry("stark").await.pinned);
    let error = world.cellctl("tenants pin nobody --operator test").await.completion.unwrap_err();
    assert!(error.contains("tenant nobody is not placed; `cellctl tenants place nobody` places it"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_places_in_the_order_of_the_run() {
    let world = TenantsWorld::new(&[("alpha", 1), ("beta", 5)]).await;
    world.place("acme --cell alpha").await.ended(Completion::Done);
    unplace(&world, "").await.ended(Completion::Done);
    tokio::time::sleep(REPLACE_WAIT).await;
    // Alpha has room for one: a tenant that never had a cell comes before one that was removed.
    let dry = world.place("acme globex --cell alpha --dry-run").await.ended(Completion::LeftSome);
    let ran = world.place("acme globex --cell alpha").await.ended(Completion::LeftSome);
    assert_eq!(dry.rows(), ran.rows());
    assert!(ran.rows()[1].starts_with("acme | refused | - | - | cell alpha is full"), "{}", ran.data);
    assert_eq!(ran.rows()[2], "globex | placed | alpha | beta | ");
    assert_eq!(world.check_books("placed").await, 1);
}

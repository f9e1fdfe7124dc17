//! Letters of tenants that are in another cell now, or just move.

use cellstack_cellctl::Completion;
use cellstack_core::Epoch;
use cellstack_core::fence::FenceState;
use cellstack_core::limits::FENCE_TIMEOUT;
use cellstack_embedded::names::{CellNames, registry, tenant_map};
use cellstack_store::fence;
use tokio::time::Instant;

use super::world::{DlqWorld, cell, text};

/// Copies acme's event and fence into beta, as a move does. The map names beta from now on.
async fn move_to_beta(world: &DlqWorld, id: &str, copy: bool) {
    let table = CellNames::of(&cell("beta")).table;
    if copy {
        let item = world.item("alpha", "acme", &format!("event#{id}")).await;
        world.stack.dynamodb().put_item().table_name(&table).set_item(item).send().await.unwrap();
    }
    let (client, acme) = (world.stack.dynamodb(), "acme".parse().unwrap());
    let deadline = Instant::now() + FENCE_TIMEOUT;
    fence::open(&client, &table, &acme, Epoch(2), FenceState::Open, deadline).await.unwrap();
    world.route("acme", "beta", 2, "active").await;
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_to_the_cell_that_owns_its_tenant_now() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 5).await;
    // The event arrives in beta as it is copied: `failed`, so that beta's own stream does not publish it.
    let key = format!("event#{id}");
    let alpha = CellNames::of(&cell("alpha")).table;
    world.set(&alpha, &[("tenant_id", "acme"), ("sk", &key)], "status", text("failed")).await;
    move_to_beta(&world, &id, true).await;
    world.set(&alpha, &[("tenant_id", "acme"), ("sk", &key)], "status", text("carried")).await;
    world.mend();
    let ran = world.redrive("").await.ended(Completion::Done);
    assert!(ran.data.contains("to cell beta"), "{}", ran.data);
    world.processed("beta", "acme", &id).await;
    assert_eq!(world.status("alpha", "acme", &id).await, "carried");
    assert_eq!(world.sum("alpha", "acme").await, (0, 0));
    assert_eq!(world.sum("beta", "acme").await, (1, 5));
    assert!(world.dead("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_move_left_behind_is_told_of_and_stays() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 5).await;
    move_to_beta(&world, &id, false).await;
    world.mend();
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("its tenant moved, its event is still in cell alpha"), "{}", ran.data);
    assert_eq!(world.dead("alpha").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_just_moves_is_skipped() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 5).await;
    world.mend();
    for state in ["moving", "fenced"] {
        world.route("acme", "alpha", 1, state).await;
        let ran = world.redrive("").await.ended(Completion::LeftSome);
        assert!(ran.data.contains(&format!("its tenant is {state}")), "{}", ran.data);
        assert_eq!(world.dead("alpha").len(), 1);
    }
    world.route("acme", "alpha", 1, "active").await;
    world.redrive("").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_a_cell_that_is_down() {
    let world = DlqWorld::new().await;
    world.poison("acme", 5).await;
    world.set(&registry(), &[("pk", "cell#alpha"), ("sk", "state")], "status", text("down")).await;
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("its tenant's cell alpha must not be sent to"), "{}", ran.data);
    assert_eq!(world.dead("alpha").len(), 1);
}

/// Makes beta the standby of acme, whose cell alpha gets this mark. Beta has the event, with this status.
async fn stand_by(world: &DlqWorld, id: &str, status: &str, alpha: &str) {
    let table = CellNames::of(&cell("beta")).table;
    let key = format!("event#{id}");
    let mut item = world.item("alpha", "acme", &key).await.unwrap();
    // Stored as a copy, so that beta's own stream does not publish it; it does not publish held events either.
    item.insert("status".to_owned(), text(if status == "held" { status } else { "failed" }));
    world.stack.dynamodb().put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
    world.set(&table, &[("tenant_id", "acme"), ("sk", &key)], "status", text(status)).await;
    let own = CellNames::of(&cell("alpha")).table;
    let delete = world.stack.dynamodb().delete_item().table_name(own);
    delete.key("tenant_id", text("acme")).key("sk", text(&key)).send().await.unwrap();
    let (client, acme) = (world.stack.dynamodb(), "acme".parse().unwrap());
    let deadline = Instant::now() + FENCE_TIMEOUT;
    fence::open(&client, &table, &acme, Epoch(1), FenceState::Standby, deadline).await.unwrap();
    world.set(&tenant_map(), &[("tenant_id", "acme")], "standby_cell_id", text("beta")).await;
    world.set(&registry(), &[("pk", "cell#alpha"), ("sk", "state")], "status", text(alpha)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_standby_could_not_process_is_redriven_there() {
    for (status, alpha) in [("failed", "down"), ("accepted", "down"), ("failed", "active")] {
        let world = DlqWorld::new().await;
        let id = world.poison("acme", 5).await;
        world.until("failed", async || world.status("alpha", "acme", &id).await == "failed").await;
        stand_by(&world, &id, status, alpha).await;
        // The letter of an accepted event must not say "refused": its event would be just being marked.
        let url = world.stack.queue_url("cellstack-cell-alpha-events-dlq").await.unwrap();
        world.stack.sqs().purge_queue().queue_url(url).send().await.unwrap();
        let message = world.message("beta", "acme", &id).await;
        world.put("cellstack-cell-beta-events-dlq", &message).await;
        world.mend();
        let ran = world.redrive("").await.ended(Completion::Done);
        assert!(ran.data.contains("to cell beta"), "{status}, {alpha}: {}", ran.data);
        world.processed("beta", "acme", &id).await;
        assert!(world.dead("beta").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_standby_holds_waits_until_it_is_carried_home() {
    for alpha in ["down", "recovering", "active"] {
        let world = DlqWorld::new().await;
        let id = world.poison("acme", 5).await;
        world.until("failed", async || world.status("alpha", "acme", &id).await == "failed").await;
        stand_by(&world, &id, "held", alpha).await;
        world.mend();
        let ran = world.redrive("").await.ended(Completion::LeftSome);
        assert!(ran.data.contains("cell beta holds its event as a standby"), "{alpha}: {}", ran.data);
        assert!(ran.data.contains("nothing to do until it is carried home"), "{alpha}: {}", ran.data);
        assert_eq!(world.status("beta", "acme", &id).await, "held");
        assert_eq!(world.dead("alpha").len(), 1);
    }
}

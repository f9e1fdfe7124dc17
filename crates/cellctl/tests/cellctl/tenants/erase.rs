//! A removed tenant, erased from every cell.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::hex::sha256;
use cellstack_core::limits::REPLACE_WAIT;
use cellstack_embedded::names::{CellNames, tenant_map};
use cellstack_emulator::{Fault, FaultKind};
use serde_json::{Value, json};

use super::export::Directory;
use crate::cells::world::{CellsWorld, cell, number, text};
use crate::ran::Ran;

const ALPHA_DLQ: &str = "cellstack-cell-alpha-events-dlq";
const BETA_DLQ: &str = "cellstack-cell-beta-topic-dlq";

/// Returns the message of an event, as a topic dead-letters it.
fn message(tenant: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"019b76da-a800-7000-8000-000000000004","source":"/cellstack","type":"order",
        "time":"2026-01-01T00:00:00.000Z","tenantid":"{tenant}","cell":"alpha","epoch":1}}"#
    )
}

async fn put(world: &CellsWorld, id: &str, tenant: &str, key: &str, status: &str) {
    let item = [("tenant_id", text(tenant)), ("sk", text(key)), ("status", text(status)), ("epoch", number(1))];
    world.put(&CellNames::of(&cell(id)).table, &item).await;
}

/// Makes a world in which acme was removed a while ago: alpha has two events, a total and a letter of it, gamma a copy of an
/// event, and beta a letter. Others have data in the same places.
pub(super) async fn removed() -> CellsWorld {
    let world = CellsWorld::new().await;
    for (id, tenant, key) in [
        ("alpha", "acme", "event#1"),
        ("alpha", "acme", "event#2"),
        ("alpha", "acme", "journal#1"),
        ("alpha", "acme", "total#order"),
        ("gamma", "acme", "event#1"),
        ("alpha", "initech", "event#1"),
        ("beta", "globex", "event#1"),
    ] {
        put(&world, id, tenant, key, "processed").await;
    }
    for (queue, tenant) in [(ALPHA_DLQ, "acme"), (ALPHA_DLQ, "initech"), (BETA_DLQ, "acme"), (BETA_DLQ, "globex")] {
        world.send(queue, &message(tenant)).await;
    }
    world.as_ann("tenants unplace acme").await.ended(Completion::Done);
    tokio::time::sleep(REPLACE_WAIT).await;
    world
}

pub(super) async fn erase(world: &CellsWorld, more: &str) -> Ran {
    world.as_ann(&format!("tenants erase acme --output json {more}")).await
}

/// Checks that nothing of acme is left but its fences, and all of others.
pub(super) async fn is_erased(world: &CellsWorld, when: &str) {
    for id in ["alpha", "beta", "gamma"] {
        let keys: Vec<String> = world.partition(id, "acme").await.into_keys().collect();
        assert!(keys.iter().all(|key| key.starts_with("fence#")), "{when}: {id} has {keys:?}");
    }
    for id in ["alpha", "beta"] {
        assert_eq!(world.fence(id, "acme").await, [("closed".to_owned(), 1)], "{when}: {id}");
    }
    assert_eq!(world.place_of("acme").await, ("alpha".to_owned(), 1, "removed"), "{when}");
    others_are_there(world, when).await;
}

async fn others_are_there(world: &CellsWorld, when: &str) {
    for (id, tenant) in [("alpha", "initech"), ("beta", "globex")] {
        assert!(world.partition(id, tenant).await.contains_key("event#1"), "{when}: {tenant}");
    }
    for (queue, tenant) in [(ALPHA_DLQ, "initech"), (BETA_DLQ, "globex")] {
        let dead_letters: Vec<_> =
            world.stack.aws().peek_queue(queue).into_iter().filter(|letter| !letter.in_flight).collect();
        assert!(dead_letters.iter().any(|letter| letter.body.contains(tenant)), "{when}: {queue} has {dead_letters:?}");
    }
}

/// Returns the number of acme's letters in all queues.
pub(super) fn dead_letters(world: &CellsWorld) -> usize {
    let of = |queue| world.stack.aws().peek_queue(queue).iter().filter(|letter| letter.body.contains("acme")).count();
    of(ALPHA_DLQ) + of(BETA_DLQ)
}

#[tokio::test(start_paused = true)]
async fn all_of_a_tenant_is_erased_but_its_epochs_and_the_certificate_says_so() {
    let (world, directory) = (removed().await, Directory::new());
    let dry = erase(&world, "--dry-run").await.ended(Completion::Done).json();
    assert_eq!(
        (world.partition("alpha", "acme").await.len(), dead_letters(&world)),
        (12, 2),
        "a dry run erases nothing"
    );
    let path = directory.path("acme.json");
    let ran = erase(&world, &format!("--certificate {path}")).await.ended(Completion::Done);
    let expected =
        "5 items and 2 letters of acme are erased; its entry in the tenant map, its fences and the audit trail stay";
    assert!(ran.talk.contains(expected), "{}", ran.talk);
    is_erased(&world, "erased").await;
    assert_eq!(dead_letters(&world), 0);

    let certificate = ran.json();
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(kept, certificate);
    let signed =
        ["format", "version", "dry_run", "tenant", "epoch", "operator", "reason"].map(|name| &certificate[name]);
    assert_eq!(json!(signed), json!(["cellstack-tenant-erasure", 1, false, "acme", 1, "ann", "test"]));
    let alpha = json!({"cell": "alpha", "items": {"event": 2, "journal": 1, "total": 1}, "not_done": 0, "fence": 8,
        "keys_sha256": sha256("event#1\nevent#2\njournal#1\ntotal#order\n"),
        "dead_letters": {"cellstack-cell-alpha-events-dlq": 1, "cellstack-cell-alpha-stream-dlq": 0, "cellstack-cell-alpha-topic-dlq": 0}});
    assert_eq!(certificate["cells"][0], alpha);
    assert_eq!(certificate["cells"][1]["dead_letters"][BETA_DLQ], 1);
    assert_eq!((&certificate["cells"][2]["items"], &certificate["unreached"]), (&json!({"event": 1}), &json!([])));
    let stays: Vec<_> = certificate["stays"].as_array().unwrap().iter().map(|part| &part["name"]).collect();
    let expected = [
        "tenant map",
        "fences",
        "usage of the cells",
        "audit trail and records of moves",
        "streams and backups of the cells' tables",
    ];
    assert_eq!(stays, expected);
    assert_eq!((&dry["cells"], &dry["dry_run"]), (&certificate["cells"], &json!(true)));

    let trail = world.cellctl("audit ls --what tenants --output json").await.json();
    assert_eq!(
        json!([trail[0]["what"], trail[0]["scope"], trail[0]["done"]]),
        json!(["tenants erase", "acme", {"items": 5, "dead_letters": 2}])
    );
    assert!(trail[0]["before"]["alpha"].as_str().unwrap().starts_with("4 items, SHA-256 of keys"), "{trail}");
    assert_eq!(trail.as_array().unwrap().len(), 2, "the dry run leaves no entry");
}

#[tokio::test(start_paused = true)]
async fn the_table_counts_by_cell_and_an_erased_tenant_comes_back_above_its_epoch() {
    let world = removed().await;
    let ran = world.as_ann("tenants erase acme").await.ended(Completion::Done);
    let rows = [
        "cell | events | totals | other items | letters | fence (stays)",
        "alpha | 2 | 1 | 1 | 1 | 8",
        "beta | 0 | 0 | 0 | 1 | 8",
        "gamma | 1 | 0 | 0 | 0 | 0",
    ];
    assert_eq!(ran.rows(), rows);
    world.as_ann("tenants place acme --cell gamma").await.ended(Completion::Done);
    assert_eq!(world.place_of("acme").await, ("gamma".to_owned(), 2, "active"));
    world.taken("acme", None, 5, "gamma").await;
    world.until("processed", async || world.total("gamma", "acme").await == (1, 5)).await;
}

#[tokio::test(start_paused = true)]
async fn parts_that_can_not_be_reached_are_named_and_erased_by_the_next_run() {
    let world = removed().await;
    let refused = || FaultKind::Error { status: 400, code: "AccessDeniedException".into(), message: "by test".into() };
    let faults = world.stack.aws().faults();
    faults.inject(Fault::new("DynamoDB", "Query", refused()).on("cellstack-cell-gamma"));
    faults.inject(Fault::any("SQS", refused()).on(BETA_DLQ));
    let ran = erase(&world, "").await.ended(Completion::LeftSome);
    let unreached: Vec<_> =
        ran.json()["unreached"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
    assert_eq!(json!(unreached), json!(["cellstack-cell-gamma", BETA_DLQ]));
    assert!(ran.talk.contains("not all was reached: cellstack-cell-gamma in cell gamma: "), "{}", ran.talk);
    assert_eq!((world.partition("alpha", "acme").await.len(), dead_letters(&world)), (8, 1), "the rest is erased");

    faults.clear();
    let ran = erase(&world, "").await.ended(Completion::Done);
    is_erased(&world, "again").await;
    assert_eq!(dead_letters(&world), 0);
    let earlier = &ran.json()["earlier_runs"];
    assert_eq!(json!([earlier[0]["outcome"], earlier[0]["done"]["items"], earlier[1]]), json!(["failed", 4, null]));
}

#[tokio::test(start_paused = true)]
async fn a_cell_without_a_configuration_and_a_letter_that_names_nobody_need_a_look() {
    let world = removed().await;
    world.send(ALPHA_DLQ, "half a message of acme").await;
    world.send(ALPHA_DLQ, "half a message of nobody").await;
    world.remove("cell#gamma", "config").await;
    let ran = erase(&world, "").await.ended(Completion::LeftSome);
    let unreached = ran.json()["unreached"].clone();
    assert_eq!((&unreached[0]["cell"], &unreached[0]["name"]), (&json!("gamma"), &json!("table and queues")));
    let why = unreached[1]["why"].as_str().unwrap();
    assert!(
        why.starts_with(
            "letters that name no tenant and have its id in them: 1; look with `cellctl dlq show --cell alpha"
        ),
        "{why}"
    );
    assert_eq!((unreached.as_array().unwrap().len(), dead_letters(&world)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn events_that_were_not_processed_ask_for_another_run() {
    let world = CellsWorld::new().await;
    for (id, status) in [("alpha", "accepted"), ("beta", "held"), ("beta", "failed")] {
        let key = format!("event#{status}");
        put(&world, id, "acme", &key, "processed").await;
        // A change of an item is not published.
        let update = world.stack.dynamodb().update_item().table_name(CellNames::of(&cell(id)).table);
        let update = update.key("tenant_id", text("acme")).key("sk", text(&key)).update_expression("SET #s = :s");
        let update = update.expression_attribute_names("#s", "status");
        update.expression_attribute_values(":s", text(status)).send().await.unwrap();
    }
    world.as_ann("tenants unplace acme --force").await.ended(Completion::Done);
    tokio::time::sleep(REPLACE_WAIT).await;
    let ran = world.as_ann("tenants erase acme").await.ended(Completion::LeftSome);
    assert!(
        ran.talk.contains("2 events of acme were not processed: messages of them may become letters"),
        "{}",
        ran.talk
    );
    world.as_ann("tenants erase acme").await.ended(Completion::Done);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_placed_again_meanwhile_loses_nothing_more() {
    let world = removed().await;
    world.slow_down();
    let place = async {
        tokio::time::sleep(Duration::from_millis(26)).await;
        let update = world.stack.dynamodb().update_item().table_name(tenant_map()).key("tenant_id", text("acme"));
        let update = update.update_expression("SET epoch = :e").expression_attribute_values(":e", number(2));
        update.send().await.unwrap();
    };
    let (ran, ()) = futures::future::join(erase(&world, ""), place).await;
    world.stack.aws().faults().clear();
    let error = ran.completion.unwrap_err();
    assert!(error.contains("tenant acme was placed again meanwhile"), "{error}");
    let left = world.partition("gamma", "acme").await;
    assert!(left.contains_key("event#1"), "{left:?}");
    let trail = world.cellctl("audit ls --what tenants --output json").await.json();
    assert_eq!(trail[0]["outcome"], "failed");
}

#[tokio::test(start_paused = true)]
async fn messages_in_the_queue_of_a_cell_with_items_ask_for_another_run() {
    let world = removed().await;
    // The consumer gets it in ten minutes. Beta has no items, so its queue may have messages.
    for queue in ["cellstack-cell-alpha-events", "cellstack-cell-beta-events"] {
        let url = world.stack.queue_url(queue).await.unwrap();
        let send = world.stack.sqs().send_message().queue_url(url).message_body(message("acme")).delay_seconds(600);
        send.send().await.unwrap();
    }
    let dry = erase(&world, "--dry-run").await.ended(Completion::LeftSome);
    let ran = erase(&world, "").await.ended(Completion::LeftSome);
    for ran in [&dry, &ran] {
        let expected = "messages are in the queue of cell alpha; they may become letters of acme: run it again when \
                        `cellctl status` shows no messages\n";
        assert!(ran.talk.contains(expected) && !ran.talk.contains("cell beta"), "{}", ran.talk);
        assert_eq!((&ran.json()["queued"], &ran.json()["unreached"]), (&json!(["alpha"]), &json!([])));
    }
    is_erased(&world, "with a message in the queue").await;

    // The message is processed by then, or a letter.
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let ran = erase(&world, "").await.ended(Completion::Done);
    assert_eq!(ran.json()["queued"], json!([]));
    assert_eq!(dead_letters(&world), 0);
}

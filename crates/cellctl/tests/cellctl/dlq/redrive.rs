//! Letters redriven.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_cellctl::Completion;
use cellstack_core::fence::{FENCE_SHARDS, shard_key};
use cellstack_embedded::Pipeline;
use cellstack_embedded::names::{CellNames, registry};
use cellstack_emulator::{Fault, FaultKind, Observation};
use tokio::time::Instant;

use super::world::{DlqWorld, cell, text};

const DLQ: &str = "cellstack-cell-alpha-events-dlq";

/// Makes an event that failed, and returns its id and its sort key.
async fn failed(world: &DlqWorld, amount: u64) -> (String, String) {
    let id = world.poison("acme", amount).await;
    world.until("failed", async || world.status("alpha", "acme", &id).await == "failed").await;
    let key = format!("event#{id}");
    (id, key)
}

#[tokio::test(start_paused = true)]
async fn poison_is_processed_once_after_its_processor_is_mended() {
    let world = DlqWorld::new().await;
    let mut poison = Vec::new();
    for amount in 1..=5 {
        poison.push(world.post("acme", "poison", amount).await);
        world.post("acme", "fine", 100).await;
    }
    world.dead_letters("alpha", 5).await;
    assert_eq!(world.sum("alpha", "acme").await, (5, 500));

    world.mend();
    let ran = world.redrive("--output json").await.ended(Completion::Done);
    assert!(ran.talk.contains("5 sent, 0 letters deleted with nothing left to do, 0 skipped"), "{}", ran.talk);
    assert!(ran.json()["letters"].as_array().unwrap().iter().all(|row| row["what"] == "to cell alpha"));
    for id in &poison {
        world.processed("alpha", "acme", id).await;
        let item = world.item("alpha", "acme", &format!("event#{id}")).await.unwrap();
        assert!(!item.contains_key("error"), "{item:?}");
    }
    assert_eq!(world.sum("alpha", "acme").await, (10, 515));
    assert!(world.dead("alpha").is_empty());

    let again = world.redrive("").await.ended(Completion::Done);
    assert!(again.talk.starts_with("0 sent, 0 letters deleted"), "{}", again.talk);
    assert_eq!(world.sum("alpha", "acme").await, (10, 515));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_failed_for_good_is_set_back_and_sent() {
    let world = DlqWorld::new().await;
    let (id, key) = failed(&world, 3).await;
    world.mend();
    world.redrive("").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
    assert!(!world.item("alpha", "acme", &key).await.unwrap().contains_key("error"));
    assert_eq!(world.sum("alpha", "acme").await, (1, 3));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_its_consumer_has_not_marked_yet_waits_for_that() {
    let world = DlqWorld::new().await;
    let (id, key) = failed(&world, 3).await;
    let table = CellNames::of(&cell("alpha")).table;
    // The state between the letter and the mark.
    world.set(&table, &[("tenant_id", "acme"), ("sk", &key)], "status", text("accepted")).await;
    world.mend();
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("is not marked failed yet"), "{}", ran.data);
    // The consumer was killed there: no invocation lasts longer than a quarter of an hour.
    tokio::time::sleep(Duration::from_secs(15 * 60)).await;
    world.redrive("").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_fence_keeps_a_failed_event_as_it_is() {
    let world = DlqWorld::new().await;
    let (id, _) = failed(&world, 3).await;
    let table = CellNames::of(&cell("alpha")).table;
    for shard in 0..FENCE_SHARDS {
        world.set(&table, &[("tenant_id", "acme"), ("sk", &shard_key(shard))], "state", text("closed")).await;
    }
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("the fence of cell alpha"), "{}", ran.data);
    assert_eq!(world.status("alpha", "acme", &id).await, "failed");
    assert_eq!(world.dead("alpha").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_letter_of_a_processed_event_is_deleted_and_nothing_is_sent() {
    let world = DlqWorld::new().await;
    let id = world.post("acme", "fine", 9).await;
    world.processed("alpha", "acme", &id).await;
    let message = world.message("alpha", "acme", &id).await;
    world.put(DLQ, &message).await;
    world.put("cellstack-cell-alpha-topic-dlq", &message).await;
    let ran = world.redrive("").await.ended(Completion::Done);
    assert!(ran.talk.starts_with("0 sent, 2 letters deleted with nothing left to do"), "{}", ran.talk);
    assert!(world.dead("alpha").is_empty());
    assert_eq!(world.sum("alpha", "acme").await, (1, 9));
}

#[tokio::test(start_paused = true)]
async fn what_the_topic_could_not_deliver_is_brought_back() {
    let world = DlqWorld::new().await;
    let id = world.undelivered(4).await;
    let ran = world.redrive("--because undelivered").await.ended(Completion::Done);
    assert!(ran.data.contains("undelivered"), "{}", ran.data);
    world.processed("alpha", "acme", &id).await;
    assert!(world.bodies("cellstack-cell-alpha-topic-dlq").is_empty());
    assert_eq!(world.sum("alpha", "acme").await, (1, 4));
}

#[tokio::test(start_paused = true)]
async fn messages_are_sent_no_faster_than_the_rate() {
    let world = DlqWorld::new().await;
    for amount in 0..12 {
        world.post("acme", "poison", amount).await;
    }
    world.dead_letters("alpha", 12).await;
    world.mend();
    let mut seen = world.stack.aws().observe();
    let watch = tokio::spawn(async move {
        let mut times = Vec::new();
        while times.len() < 12 {
            match seen.recv().await.unwrap() {
                Observation::Enqueued { queue, .. } if &*queue == "cellstack-cell-alpha-events" => {
                    times.push(Instant::now());
                }
                _ => {}
            }
        }
        times
    });
    world.redrive("--rate 4/s").await.ended(Completion::Done);
    let times = watch.await.unwrap();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(245), "{:?}", pair[1] - pair[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_sends_no_more_than_it_may_and_the_next_goes_on() {
    let world = DlqWorld::new().await;
    for amount in 0..5 {
        world.post("acme", "poison", amount).await;
    }
    world.dead_letters("alpha", 5).await;
    world.mend();
    let ran = world.redrive("--max 2").await.ended(Completion::LeftSome);
    assert!(ran.talk.starts_with("2 sent"), "{}", ran.talk);
    assert_eq!(world.dead("alpha").len(), 3);
    assert!(world.all_visible(DLQ), "a run that ends gives back what it holds");
    let ran = world.redrive("").await.ended(Completion::Done);
    assert!(ran.talk.starts_with("3 sent"), "{}", ran.talk);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_keeps_failing_is_skipped_after_so_many_redrives() {
    let world = DlqWorld::new().await;
    world.poison("acme", 1).await;
    for redrives in 0..2 {
        let ran = world.redrive("--max-attempts 2").await;
        assert!(ran.talk.starts_with("1 sent"), "{}", ran.talk);
        let counted = async || {
            let shown = world.cellctl("dlq show --cell alpha --output json").await.json();
            shown.as_array().unwrap().len() == 1 && shown[0]["redrives"] == redrives + 1
        };
        world.until("the count in the next letter", counted).await;
        assert_eq!(world.cellctl("dlq show --cell alpha --output json").await.json()[0]["reason"], "refused");
    }
    let ran = world.redrive("--max-attempts 2").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("it was redriven 2 times (--max-attempts)"), "{}", ran.data);
    assert_eq!(world.dead("alpha").len(), 1);
    world.mend();
    world.redrive("--max-attempts 3").await.ended(Completion::Done);
    world.until("the sum", async || world.sum("alpha", "acme").await == (1, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_sent_again_after_a_redrive_does_not_stop_it() {
    let world = DlqWorld::with(Pipeline::DEPLOYED).await;
    let aws = world.stack.aws();
    let table = CellNames::of(&cell("alpha")).table;
    aws.faults().inject(Fault::new("DynamoDB", "UpdateItem", FaultKind::HangAfterCommit).on(&table).times(1));
    let id = world.post("acme", "poison", 1).await;
    world.until("the mark", async || world.status("alpha", "acme", &id).await == "failed").await;
    // The consumer has no response to its mark, and sends it again before the redrive's message comes to it.
    aws.faults()
        .inject(Fault::new("Lambda", "Invoke", FaultKind::Latency(Duration::from_secs(3))).on("alpha-consumer"));
    let ran = world.redrive("--cell alpha --place queue").await;
    assert!(ran.talk.starts_with("1 sent"), "{}", ran.talk);
    world.until("the mark again", async || aws.calls("DynamoDB", "UpdateItem") >= 2).await;
    world.dead_letters("alpha", 1).await;
    world.mend();
    world.redrive("").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
}

#[tokio::test(start_paused = true)]
async fn the_count_survives_what_the_queue_itself_moves() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 1).await;
    let crash = Fault::new("Lambda", "Invoke", FaultKind::ServerError).on("alpha-consumer");
    world.stack.aws().faults().inject(crash);
    world.redrive("").await.ended(Completion::Done);
    world.dead_letters("alpha", 1).await;
    let shown = world.cellctl("dlq show --cell alpha --output json").await.json();
    assert_eq!(shown[0]["reason"], "retries-exhausted");
    assert_eq!((&shown[0]["redrives"], &shown[0]["event"]), (&1.into(), &id.into()));
}

#[tokio::test(start_paused = true)]
async fn poison_that_comes_back_at_once_is_sent_once_a_run() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 1).await;
    // Two letters of one event: the second could be the result of the first.
    let message = world.message("alpha", "acme", &id).await;
    world.put(DLQ, &message).await;
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    assert!(ran.talk.starts_with("1 sent"), "{}", ran.talk);
    assert!(ran.data.contains("its event was sent in this run already"), "{}", ran.data);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_changes_nothing_and_says_the_same() {
    let world = DlqWorld::new().await;
    let (id, _) = failed(&world, 1).await;
    let (failed, _) = failed(&world, 2).await;
    let table = CellNames::of(&cell("alpha")).table;
    world.mend();
    let state = async || (world.table(&table).await, world.table(&registry()).await, world.dead("alpha"));
    let before = state().await;
    let sends = world.stack.aws().calls("SQS", "SendMessage");
    let ran = world.redrive("--dry-run").await.ended(Completion::Done);
    assert!(ran.talk.starts_with("2 would be sent"), "{}", ran.talk);
    let purge = world.cellctl("dlq purge --all --reason test --operator test --dry-run").await.ended(Completion::Done);
    assert!(purge.talk.starts_with("2 letters would be deleted"), "{}", purge.talk);
    assert_eq!(state().await, before);
    assert_eq!(world.stack.aws().calls("SQS", "SendMessage"), sends);
    assert!(world.all_visible(DLQ));
    assert!(world.audit().await.is_empty());

    world.redrive("").await.ended(Completion::Done);
    for id in [id, failed] {
        world.processed("alpha", "acme", &id).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_redriven_stays_and_is_told_of() {
    let world = DlqWorld::new().await;
    let message = |tenant: &str, event: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{event}","source":"/s","type":"t","time":"2026-01-01T00:00:00.000Z",
            "tenantid":"{tenant}","cell":"alpha","epoch":1}}"#
        )
    };
    let nowhere = "019b76da-a800-7000-8000-000000000004";
    world.put(DLQ, "nonsense").await;
    world.put(DLQ, &message("nobody", nowhere)).await;
    world.put(DLQ, &message("acme", nowhere)).await;
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    for text in
        ["it names no event", "its tenant is not in the tenant map", "its tenant's cell alpha does not hold the event"]
    {
        assert!(ran.data.contains(text), "{text} is not in\n{}", ran.data);
    }
    assert_eq!(world.dead("alpha").len(), 3);
    assert!(world.all_visible(DLQ));
}

#[tokio::test(start_paused = true)]
async fn one_cells_trouble_does_not_keep_the_run_from_the_next_cell() {
    let world = DlqWorld::new().await;
    world.poison("acme", 1).await;
    let id = world.poison("globex", 2).await;
    world.mend();
    let fault = Fault::new("SQS", "ReceiveMessage", FaultKind::ServerError).on(DLQ);
    let fault = world.stack.aws().faults().inject(fault);
    let ran = world.redrive("").await;
    let error = ran.completion.unwrap_err();
    assert!(error.contains("cellstack-cell-alpha-events-dlq: could not receive dead letters"), "{error}");
    assert!(error.contains("run it again to continue"), "{error}");
    world.processed("beta", "globex", &id).await;
    let trail = world.audit().await;
    assert_eq!(trail[1]["troubles"].as_l().unwrap().len(), 1);
    world.stack.aws().faults().remove(fault);
    world.redrive("").await.ended(Completion::Done);
    world.until("the sum", async || world.sum("alpha", "acme").await == (1, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_leaves_who_what_why_and_how_many_in_the_registry() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 1).await;
    world.mend();
    world.redrive("--cell alpha --tenant acme").await.ended(Completion::Done);
    let trail = world.audit().await;
    let phases: Vec<&String> = trail.iter().map(|entry| entry["phase"].as_s().unwrap()).collect();
    assert_eq!(phases, ["began", "ended"]);
    assert_eq!(trail[0]["run"], trail[1]["run"]);
    for entry in &trail {
        assert_eq!((&entry["who"], &entry["why"]), (&text("test"), &text("mended")));
        assert_eq!(entry["what"], text("dlq redrive"));
        assert_eq!(entry["scope"], text("--cell alpha --tenant acme --rate 10/s --max-attempts 3"));
        let at = entry["at"].as_s().unwrap();
        assert!(entry["sk"].as_s().unwrap().starts_with(&format!("{at}#")), "{entry:?}");
        assert_eq!(entry["before"].as_m().unwrap()[DLQ], AttributeValue::N("1".into()));
    }
    assert_eq!(trail[1]["after"].as_m().unwrap()[DLQ], AttributeValue::N("0".into()));
    assert_eq!(trail[1]["done"].as_m().unwrap()["sent"], AttributeValue::N("1".into()));

    // A run whose end can't be recorded says that it was done.
    let unended = Fault::new("DynamoDB", "PutItem", FaultKind::ServerError).on("registry").after(1);
    let unended = world.stack.aws().faults().inject(unended);
    let error = world.redrive("").await.completion.unwrap_err();
    assert!(error.starts_with("all is done, but the end is not on record"), "{error}");
    world.stack.aws().faults().remove(unended);

    // A run that can't be recorded does not happen.
    world.processed("alpha", "acme", &id).await;
    let message = world.message("alpha", "acme", &id).await;
    world.put(DLQ, &message).await;
    world.stack.aws().faults().inject(Fault::new("DynamoDB", "PutItem", FaultKind::ServerError).on("registry"));
    let error = world.redrive("").await.completion.unwrap_err();
    assert!(error.contains("could not write the audit trail"), "{error}");
    assert_eq!(world.dead("alpha").len(), 1);
}

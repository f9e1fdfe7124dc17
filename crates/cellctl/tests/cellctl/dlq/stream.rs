//! Batches that the producer's mapping dropped.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::dead_letter::Reason;
use cellstack_core::limits::pipeline::STREAM_RECORD_AGE;
use cellstack_emulator::{Fault, FaultKind};

use super::world::DlqWorld;

const DLQ: &str = "cellstack-cell-alpha-stream-dlq";

/// Posts an event whose batch the stream mapping drops, and waits for the note. Returns the id of the event.
async fn noted(world: &DlqWorld) -> String {
    let fault = world.stack.aws().faults().inject(Fault::new("SNS", "PublishBatch", FaultKind::ServerError));
    let id = world.post("acme", "fine", 1).await;
    tokio::time::sleep(STREAM_RECORD_AGE).await;
    world.until("a note of the stream mapping", async || !world.bodies(DLQ).is_empty()).await;
    world.stack.aws().faults().remove(fault);
    id
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_batch_that_the_stream_discarded_are_found_in_the_table() {
    let world = DlqWorld::new().await;
    // An older event that is open for another reason is outside the note's window.
    let older = world.undelivered(1_000).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;

    let fault = world.stack.aws().faults().inject(Fault::new("SNS", "PublishBatch", FaultKind::ServerError));
    let mut ids = Vec::new();
    for amount in 1..=4 {
        ids.push(world.post("acme", "fine", amount).await);
    }
    let open = async || {
        let notes = world.bodies(DLQ);
        !notes.is_empty() && notes.iter().all(|note| note.contains("DDBStreamBatchInfo"))
    };
    tokio::time::sleep(STREAM_RECORD_AGE).await;
    world.until("a note of the stream mapping", open).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    world.stack.aws().faults().remove(fault);
    assert_eq!(world.sum("alpha", "acme").await, (0, 0));

    let dry = world.redrive("--place stream --dry-run").await.ended(Completion::Done);
    assert!(dry.talk.starts_with("4 would be sent"), "{}{}", dry.data, dry.talk);
    world.redrive("--place stream").await.ended(Completion::Done);
    for id in &ids {
        world.processed("alpha", "acme", id).await;
    }
    assert_eq!(world.sum("alpha", "acme").await, (4, 10));
    assert!(world.bodies(DLQ).is_empty());
    assert_eq!(world.status("alpha", "acme", &older).await, "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_note_stays_while_one_of_its_events_does() {
    let world = DlqWorld::new().await;
    noted(&world).await;
    world.route("acme", "alpha", 1, "fenced").await;
    let ran = world.redrive("").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("its tenant is fenced"), "{}", ran.data);
    assert!(ran.data.contains("some of its batch's events were skipped"), "{}", ran.data);
    assert_eq!(world.bodies(DLQ).len(), 1);
    assert!(world.all_visible(DLQ));

    world.route("acme", "alpha", 1, "active").await;
    world.redrive("").await.ended(Completion::Done);
    world.until("the sum", async || world.sum("alpha", "acme").await == (1, 1)).await;
    assert!(world.bodies(DLQ).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_this_build_can_read_is_sent_from_its_item() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 6).await;
    let queue = "cellstack-cell-alpha-events-dlq";
    let url = world.stack.queue_url(queue).await.unwrap();
    world.stack.sqs().purge_queue().queue_url(url).send().await.unwrap();
    let record = format!(
        r#"{{"eventName":"INSERT","dynamodb":{{"Keys":{{"tenant_id":{{"S":"acme"}},"sk":{{"S":"event#{id}"}}}}}}}}"#
    );
    world.write_letter(DLQ, Reason::Undecodable, &record).await;
    world.mend();
    world.redrive("--because undecodable").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
    assert!(world.bodies(DLQ).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_only_notes_know_is_not_redriven_for_ever() {
    let world = DlqWorld::new().await;
    let id = noted(&world).await;
    let note = world.bodies(DLQ).remove(0);
    // The event never arrives, so that it is still accepted when the next note is swept.
    let lost = world.stack.aws().faults().inject(Fault::new("Lambda", "Invoke", FaultKind::Throttle));
    for _ in 0..2 {
        let ran = world.redrive("--place stream --max-attempts 2").await.ended(Completion::Done);
        assert!(ran.talk.starts_with("1 sent"), "{}", ran.talk);
        world.put(DLQ, &note).await;
    }
    let ran = world.redrive("--place stream --max-attempts 2").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("it was redriven 2 times (--max-attempts)"), "{}", ran.data);
    assert_eq!(world.bodies(DLQ).len(), 1);
    world.stack.aws().faults().remove(lost);
    world.redrive("--place stream --max-attempts 9").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
    assert_eq!(world.sum("alpha", "acme").await, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_redrive_gives_an_event_all_its_tries_again() {
    let world = DlqWorld::new().await;
    let id = world.undelivered(4).await;
    let key = format!("event#{id}");
    let table = cellstack_embedded::names::CellNames::of(&super::world::cell("alpha")).table;
    let tries = aws_sdk_dynamodb::types::AttributeValue::N("4".to_owned());
    world.set(&table, &[("tenant_id", "acme"), ("sk", &key)], "tries", tries).await;
    world.redrive("").await.ended(Completion::Done);
    world.processed("alpha", "acme", &id).await;
    assert!(!world.item("alpha", "acme", &key).await.unwrap().contains_key("tries"));
}

/// Events of a note that a run did not look for would have neither letter nor note nor message.
#[tokio::test(start_paused = true)]
async fn a_note_stays_when_the_run_ends_before_it_has_looked_for_its_events() {
    let world = DlqWorld::new().await;
    let lost = noted(&world).await;
    let other = world.undelivered(2).await;
    let record = format!(
        r#"{{"eventName":"INSERT","dynamodb":{{"Keys":{{"tenant_id":{{"S":"acme"}},"sk":{{"S":"event#{other}"}}}}}}}}"#
    );
    world.write_letter(DLQ, Reason::Undecodable, &record).await;
    let ran = world.redrive("--place stream --max 1").await.ended(Completion::LeftSome);
    assert!(ran.talk.starts_with("1 sent"), "{}", ran.talk);
    assert_eq!(world.bodies(DLQ).len(), 1, "{}", ran.data);
    assert!(ran.data.contains("stream-gave-up"), "{}", ran.data);
    world.processed("alpha", "acme", &other).await;

    world.redrive("--place stream").await.ended(Completion::Done);
    world.processed("alpha", "acme", &lost).await;
    assert!(world.bodies(DLQ).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_came_from_another_cell_is_found_whenever_it_was_accepted() {
    let world = DlqWorld::new().await;
    let older = world.undelivered(1_000).await;
    let table = cellstack_embedded::names::CellNames::of(&super::world::cell("alpha")).table;
    let came_later = aws_sdk_dynamodb::types::AttributeValue::Bool(true);
    let key = format!("event#{older}");
    world.set(&table, &[("tenant_id", "acme"), ("sk", &key)], "came_later", came_later).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    noted(&world).await;
    let ran = world.redrive("--place stream").await.ended(Completion::Done);
    assert!(ran.talk.starts_with("2 sent"), "{}", ran.talk);
    world.processed("alpha", "acme", &older).await;
}

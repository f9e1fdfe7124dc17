//! Dead-lettered events: their queue, their reason, and their neighbours, which are not affected.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_consumer::{Effects, ProcessError, Processor};
use cellstack_core::Message;
use cellstack_core::dead_letter::{DeadLetter, Place, Reason};
use cellstack_embedded::Pipeline;
use cellstack_emulator::{Fault, FaultKind};

use crate::world::{StackWorld, builder};

const QUEUE: &str = "cellstack-cell-alpha-events";
const STREAM_DLQ: &str = "cellstack-cell-alpha-stream-dlq";

/// A processor that does what the event's type says.
struct Told {
    tries: AtomicU32,
}

impl Told {
    fn new() -> Self {
        Self { tries: AtomicU32::new(0) }
    }
}

impl Processor for Told {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        let one = |key: &str| Effects::none().add(key, "count", 1);
        match event.event_type.as_str() {
            "panics" => panic!("as told"),
            "never" => Err(ProcessError::Retryable("as told".to_owned())),
            "third-time" if self.tries.fetch_add(1, Ordering::Relaxed) < 2 => {
                Err(ProcessError::Retryable("not yet".to_owned()))
            }
            // A sort key over 1,024 bytes is refused by the table, and with it the whole transaction.
            "huge" => Ok(one(&"k".repeat(1_100))),
            "hangs" => std::future::pending().await,
            _ => Ok(one("seen")),
        }
    }
}

fn typed(event_type: &str) -> String {
    format!(r#"{{"type":"{event_type}"}}"#)
}

#[tokio::test(start_paused = true)]
async fn what_the_processor_refuses_is_failed_and_dead_lettered_at_once() {
    let world = StackWorld::new().await;
    let poison = world.post("acme", r#"{"type":"order.placed","data":{"amount":"ten"}}"#).await.id();
    for amount in 1..=20 {
        world.post("acme", format!(r#"{{"type":"order.placed","data":{{"amount":{amount}}}}}"#)).await.id();
    }
    let dead_letters = world.dead_letters_after_a_while("alpha").await;
    assert_eq!(dead_letters.len(), 1);
    let letter = &dead_letters[0];
    assert_eq!((letter.reason, letter.place, letter.attempts), (Reason::Refused, Place::Queue, 1));
    assert_eq!(letter.event.unwrap().to_string(), poison);
    assert!(letter.detail.contains("data.amount must be a number"), "{}", letter.detail);
    assert_eq!(letter.message().unwrap().data.unwrap(), r#"{"amount":"ten"}"#);

    tokio::time::sleep(Duration::from_secs(10)).await;
    let shown = world.get("acme", &format!("/v1/events/{poison}")).await.json();
    assert_eq!((shown["status"].as_str(), shown["error"].as_str()), (Some("failed"), Some(letter.detail.as_str())));
    assert_eq!(world.total("acme", "order.placed").await, (20, 210.0));
    assert_eq!(world.dead_letters("alpha").len(), 1, "it is not tried again");
    assert!(world.dead_letters("beta").is_empty() && world.dead_letters("gamma").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_comes_again_until_it_does() {
    let world = StackWorld::with(Told::new).await;
    let id = world.post("acme", typed("third-time")).await.id();
    world.processed("acme", &id).await;
    assert!(world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_never_passes_is_dead_lettered_after_its_last_try_with_the_last_reason() {
    for (event_type, expected) in [("never", "as told"), ("panics", "the processor panicked: as told")] {
        let world = StackWorld::with(Told::new).await;
        let id = world.post("acme", typed(event_type)).await.id();
        let fine = world.post("acme", typed("fine")).await.id();
        world.processed("acme", &fine).await;
        let dead_letters = world.dead_letters_after_a_while("alpha").await;
        assert_eq!(
            (dead_letters.len(), dead_letters[0].reason, dead_letters[0].attempts),
            (1, Reason::RetriesExhausted, 3)
        );
        assert!(dead_letters[0].detail.contains(expected), "{}", dead_letters[0].detail);
        assert_eq!(world.status("acme", &id).await, "accepted", "it can be redriven as it is");
    }
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_is_refused_for_good_fails_its_event_alone() {
    let world = StackWorld::with(Told::new).await;
    // Held up together, the events come as one batch and would go into one transaction.
    let hold = world.stack.aws().faults().inject(Fault::new("SQS", "ReceiveMessage", FaultKind::ServerError));
    let huge = world.post("acme", typed("huge")).await.id();
    let mut fine = Vec::new();
    for _ in 0..8 {
        fine.push(world.post("acme", typed("fine")).await.id());
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.stack.aws().faults().remove(hold);
    for id in fine {
        world.processed("acme", &id).await;
    }
    let dead_letters = world.dead_letters_after_a_while("alpha").await;
    assert_eq!((dead_letters.len(), dead_letters[0].reason), (1, Reason::Refused));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.status("acme", &huge).await, "failed");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_belong_here_is_refused_with_its_reason() {
    let world = StackWorld::new().await;
    let message = |cell: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"019b76da-a800-7000-8000-000000000001","source":"/x","type":"t",
               "time":"2026-01-01T00:00:00.000Z","tenantid":"acme","cell":"{cell}","epoch":1}}"#
        )
    };
    world.enqueue(QUEUE, &message("beta")).await;
    world.enqueue(QUEUE, &message("alpha")).await;
    world.enqueue(QUEUE, "no event at all").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut found: Vec<_> =
        world.dead_letters("alpha").into_iter().map(|l| (l.reason, l.attempts, l.original)).collect();
    found.sort();
    let mut expected = vec![
        (Reason::ForeignCell, 1, message("beta")),
        (Reason::NotHeld, 1, message("alpha")),
        (Reason::Undecodable, 1, "no event at all".to_owned()),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn while_the_dead_letter_queue_is_out_of_reach_nothing_is_dropped() {
    let world = StackWorld::new().await;
    let out =
        world.stack.aws().faults().inject(Fault::new("SQS", "SendMessage", FaultKind::ServerError).on("-events-dlq"));
    let id = world.post("acme", r#"{"type":"t","data":{"amount":"x"}}"#).await.id();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(world.status("acme", &id).await, "accepted");
    world.stack.aws().faults().remove(out);
    assert_eq!(world.dead_letters_after_a_while("alpha").await[0].reason, Reason::Refused);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.status("acme", &id).await, "failed");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_quarantined_whole_and_its_shard_moves_on() {
    let world = StackWorld::new().await;
    let quarantine = FaultKind::ServerError;
    world.stack.aws().faults().inject(Fault::new("SQS", "SendMessage", quarantine).on("-stream-dlq").times(4));
    let large = "x".repeat(300_000);
    for (id, extra) in [("01", "small"), ("02", large.as_str())] {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        world
            .stack
            .dynamodb()
            .put_item()
            .table_name("cellstack-cell-alpha")
            .item("tenant_id", text("acme"))
            .item("sk", text(&format!("event#019b76da-a800-7000-8000-0000000000{id}")))
            .item("status", text("accepted"))
            .item("data", text(extra))
            .send()
            .await
            .unwrap();
    }
    let after = world.post("acme", r#"{"type":"order.placed","data":{"amount":1}}"#).await.id();
    world.processed("acme", &after).await;
    assert_eq!(world.total("acme", "order.placed").await, (1, 1.0));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let cell = "alpha".parse().unwrap();
    let lying = world.peek(STREAM_DLQ);
    let dead_letters: Vec<_> = lying.iter().map(|body| DeadLetter::read(body, Place::Stream, &cell, 1, "")).collect();
    assert_eq!(dead_letters.len(), 2);
    for (letter, data) in dead_letters.iter().zip(["small", &large]) {
        assert_eq!((letter.reason, letter.place), (Reason::Undecodable, Place::Stream));
        assert!(letter.detail.contains("type"), "{}", letter.detail);
        let record: serde_json::Value = serde_json::from_str(&letter.original).unwrap();
        assert_eq!(record["dynamodb"]["NewImage"]["data"]["S"], data);
        assert_eq!(letter.tenant.as_ref().unwrap().as_str(), "acme");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_hangs_is_cut_off_and_dead_lettered_with_that_reason() {
    // As deployed: a message is not delivered again while a function may still work on it.
    let stack = builder().pipeline(Pipeline { max_tries: 3, ..Pipeline::DEPLOYED }).build_with(Told::new).await;
    let world = StackWorld { stack: stack.unwrap() };
    world.post("acme", typed("hangs")).await.id();
    world.stack.place(&"hooli".parse().unwrap(), &"alpha".parse().unwrap()).await.unwrap();
    let fine = world.post("hooli", typed("fine")).await.id();
    world.processed("hooli", &fine).await;
    assert!(world.dead_letters("alpha").is_empty());
    tokio::time::sleep(4 * Pipeline::DEPLOYED.visibility).await;
    let dead_letters = world.dead_letters("alpha");
    assert_eq!(
        (dead_letters.len(), dead_letters[0].reason, dead_letters[0].attempts),
        (1, Reason::RetriesExhausted, 3)
    );
    assert_eq!(dead_letters[0].tenant.as_ref().unwrap().as_str(), "acme");
    assert!(dead_letters[0].detail.contains("no result within 10s"), "{}", dead_letters[0].detail);
}

/// Returns text of 228,800 bytes that a letter makes larger, and that is hardly compressed: characters of one and two bytes at
/// random, and quotes, which are escaped twice.
fn incompressible() -> String {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut text = String::new();
    while text.len() < 228_800 {
        match draw(100) {
            0..11 => text.push_str("\\\""),
            11..47 => text.extend(char::from_u32(0xA1 + draw(0x7FF - 0xA1) as u32)),
            _ => text.push(Some(char::from(b' ' + draw(95) as u8)).filter(|c| !matches!(c, '"' | '\\')).unwrap_or('x')),
        }
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_fits_no_queue_is_sent_as_its_message() {
    let world = StackWorld::new().await;
    let body = format!(r#"{{"type":"order.placed","data":{{"amount":"ten","note":"{}"}}}}"#, incompressible());
    let id = world.post("acme", body).await.id();
    let dead_letters = world.dead_letters_after_a_while("alpha").await;
    assert_eq!(
        (dead_letters.len(), dead_letters[0].reason),
        (1, Reason::RetriesExhausted),
        "raw, so without its reason"
    );
    assert_eq!(dead_letters[0].message().unwrap().id.to_string(), id);
    let shown = world.get("acme", &format!("/v1/events/{id}")).await.json();
    assert_eq!(shown["status"], "failed");
    assert!(shown["error"].as_str().unwrap().contains("data.amount must be a number"), "{}", shown["error"]);
}

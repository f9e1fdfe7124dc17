//! The guard of a write, against a DynamoDB that responds by a script.

use std::sync::Arc;
use std::time::Duration;

use cellstack_core::{Epoch, EventId, NewEvent};
use serde_json::{Value, json};

use super::*;
use crate::clock::RouterClock;
use crate::http::problem::{Kind, Problem};
use crate::metrics::Metrics;
use crate::scripted::{PausedClock, Reply, Script};

const FENCED: Guard = Guard::Fence(FenceState::Open);

fn cell(script: &Script) -> Cell<PausedClock> {
    let config = Arc::new(script.config());
    let clock = RouterClock::new(PausedClock::new());
    Cell::new("alpha".parse().unwrap(), "table".to_owned(), config, clock, Metrics::new(None))
}

fn record() -> EventRecord {
    let id = EventId::named("k", "1");
    let event = NewEvent { id, event_type: "t".parse().unwrap(), data: None, context: None };
    EventRecord::accepted("acme".parse().unwrap(), event, Epoch(3), 7)
}

/// Returns the event's item, as DynamoDB shows it.
fn stored() -> Value {
    let record = record();
    json!({
        "tenant_id": { "S": "acme" }, "sk": { "S": record.sk.to_string() }, "type": { "S": "t" },
        "status": { "S": "processed" }, "epoch": { "N": "2" }, "accepted_at": { "N": "5" },
        "body_sha256": { "S": record.body_sha256 },
    })
}

/// Writes the event, and returns the result and the number of calls.
async fn write(guard: Guard, replies: impl IntoIterator<Item = Reply>) -> (Result<&'static str, Problem>, usize) {
    let script = Script::new(replies);
    let begun = Instant::now();
    let written = cell(&script).write(&record(), guard).await.map_err(Problem::from).map(|written| match written {
        Written::New => "new",
        Written::Exists(first) => {
            assert_eq!((first.accepted_at, first.epoch), (5, Epoch(2)), "the first is what is returned");
            "exists"
        }
        Written::FenceRefused => "refused",
    });
    assert!(begun.elapsed() <= CELL_TIMEOUT + Duration::from_millis(1), "{:?}", begun.elapsed());
    (written, script.take().len())
}

fn kind(written: Result<&'static str, Problem>) -> Kind {
    written.unwrap_err().kind
}

const CONFLICT: &str = "TransactionConflict";
const REFUSED: &str = "ConditionalCheckFailed";

#[tokio::test(start_paused = true)]
async fn a_fenced_write_checks_the_shard_of_its_event() {
    let script = Script::new([Reply::Ok(json!({}))]);
    cell(&script).write(&record(), Guard::Fence(FenceState::Standby)).await.unwrap();
    let [sent] = &script.take()[..] else { panic!("one call") };
    assert_eq!(sent.operation, "TransactWriteItems");
    let check = &sent.body["TransactItems"][0]["ConditionCheck"];
    assert_eq!(check["Key"]["sk"]["S"], fence::key_of(record().id()));
    assert_eq!(check["ExpressionAttributeValues"], json!({ ":epoch": { "N": "3" }, ":state": { "S": "standby" } }));
    assert_eq!(sent.body["TransactItems"][1]["Put"]["Item"]["sk"]["S"], record().sk.to_string());
    assert_eq!(sent.body["TransactItems"].as_array().unwrap().len(), 2, "a standby keeps no journal");
    cell(&script).write(&record(), Guard::Lease).await.unwrap();
    assert_eq!(script.take()[0].operation, "PutItem");
}

#[tokio::test(start_paused = true)]
async fn a_fenced_write_at_home_goes_into_the_journal() {
    let script = Script::new([Reply::Ok(json!({}))]);
    cell(&script).write(&record(), FENCED).await.unwrap();
    let [sent] = &script.take()[..] else { panic!("one call") };
    let key = format!("journal#{}", record().id());
    let item = json!({ "tenant_id": { "S": "acme" }, "sk": { "S": key } });
    assert_eq!(sent.body["TransactItems"][2], json!({ "Put": { "TableName": "table", "Item": item } }));
}

#[tokio::test(start_paused = true)]
async fn what_a_cancellation_says_of_the_event_counts_before_what_it_says_of_the_fence() {
    let cases = [
        ([(REFUSED, None), ("None", None)], "refused"),
        ([("None", None), (REFUSED, Some(stored()))], "exists"),
        ([(REFUSED, None), (REFUSED, Some(stored()))], "exists"),
        // A conflict alongside a refusal is not a reason to retry.
        ([(CONFLICT, None), (REFUSED, Some(stored()))], "exists"),
        ([(REFUSED, None), (CONFLICT, None)], "refused"),
        ([(REFUSED, None), ("ThrottlingError", None)], "refused"),
    ];
    for (reasons, expected) in cases {
        let case = format!("{reasons:?}");
        assert_eq!(write(FENCED, [Reply::cancelled(reasons)]).await, (Ok(expected), 1), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn conflicts_are_tried_again_until_the_write_is_done() {
    let conflicts = [
        Reply::cancelled([(CONFLICT, None), ("None", None)]),
        Reply::cancelled([("None", None), (CONFLICT, None)]),
        Reply::cancelled([("ThrottlingError", None), (CONFLICT, None)]),
    ];
    let then = |last: Reply| conflicts.clone().into_iter().chain([last]);
    assert_eq!(write(FENCED, then(Reply::Ok(json!({})))).await, (Ok("new"), 4));
    assert_eq!(write(FENCED, then(Reply::cancelled([(REFUSED, None), ("None", None)]))).await, (Ok("refused"), 4));
    assert_eq!(
        write(FENCED, then(Reply::cancelled([("None", None), (REFUSED, Some(stored()))]))).await,
        (Ok("exists"), 4)
    );

    let conflict = Reply::Refused("TransactionConflictException", json!({ "message": "busy" }));
    let found = Reply::Refused("ConditionalCheckFailedException", json!({ "message": "no", "Item": stored() }));
    assert_eq!(write(Guard::Lease, [conflict.clone(), conflict.clone(), Reply::Ok(json!({}))]).await, (Ok("new"), 3));
    assert_eq!(write(Guard::Lease, [conflict, found]).await, (Ok("exists"), 2));
}

#[tokio::test(start_paused = true)]
async fn conflicts_that_do_not_end_make_it_busy_when_its_time_is_over() {
    let conflict = Reply::cancelled([(CONFLICT, None), ("None", None)]);
    let (written, calls) = write(FENCED, [conflict.clone()]).await;
    assert_eq!(kind(written), Kind::Unavailable);
    assert!(calls > 4, "{calls}");
    let (written, calls) = write(Guard::Lease, [Reply::Refused("TransactionConflictException", json!({}))]).await;
    assert_eq!(kind(written), Kind::Unavailable);
    assert!(calls > 4, "{calls}");

    // A cell that conflicts and then hangs does not count as gone.
    for guard in [FENCED, Guard::Lease] {
        let conflict = match guard {
            Guard::Fence(_) => conflict.clone(),
            Guard::Lease => Reply::Refused("TransactionConflictException", json!({})),
        };
        let script = Script::new([conflict, Reply::Hang]);
        let cell = cell(&script);
        let error = cell.write(&record(), guard).await.unwrap_err();
        assert_eq!(Problem::from(error).kind, Kind::Unavailable);
        script.set(Reply::Ok(json!({})));
        assert!(matches!(cell.write(&record(), guard).await, Ok(Written::New)), "the breaker is closed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_gets_too_much_is_its_tenants_trouble() {
    let hot = |code| {
        Reply::Refused(
            "TransactionCanceledException",
            json!({
                "CancellationReasons": [
                    { "Code": "None" },
                    { "Code": code, "Message": "Throughput exceeds the limit: TableWriteKeyRangeThroughputExceeded" },
                ],
            }),
        )
    };
    for code in ["ThrottlingError", "ProvisionedThroughputExceeded"] {
        let (written, calls) = write(FENCED, [hot(code)]).await;
        assert_eq!(kind(written), Kind::TooManyRequests, "{code}");
        assert!(calls > 1, "a throttle is tried again: {calls}");
    }
    // The same holds if the last try is cut off.
    let (written, _) = write(FENCED, [hot("ThrottlingError"), Reply::Hang]).await;
    assert_eq!(kind(written), Kind::TooManyRequests);
    let throttled = Reply::cancelled([("None", None), ("ThrottlingError", None)]);
    assert_eq!(kind(write(FENCED, [throttled]).await.0), Kind::Unavailable, "another limit is the cell's");
    assert_eq!(write(FENCED, [hot("ThrottlingError"), Reply::Ok(json!({}))]).await, (Ok("new"), 2));
}

#[tokio::test(start_paused = true)]
async fn what_no_retry_mends_is_not_tried_again() {
    let invalid = Reply::cancelled([("None", None), ("ValidationError", None)]);
    assert_eq!(write(FENCED, [invalid]).await.1, 1);
    let odd = Reply::cancelled([("None", None)]);
    let (written, calls) = write(FENCED, [odd]).await;
    assert_eq!((kind(written), calls), (Kind::Internal, 1));
    let mut damaged = stored();
    damaged["type"] = json!({ "N": "1" });
    let (written, calls) = write(FENCED, [Reply::cancelled([("None", None), (REFUSED, Some(damaged))])]).await;
    assert_eq!((kind(written), calls), (Kind::UnreadableEvent, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_hangs_times_out() {
    for guard in [FENCED, Guard::Lease] {
        let (written, _) = write(guard, [Reply::Hang]).await;
        assert_eq!(kind(written), Kind::Unavailable);
    }
}

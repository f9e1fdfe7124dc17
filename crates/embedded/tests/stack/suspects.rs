//! Events that are slow, hang, block or end the process: only they are dead-lettered, their neighbours are not.

use std::time::Duration;

use cellstack_core::dead_letter::Reason;
use cellstack_core::limits::pipeline::{CONSUMER_TIMEOUT, MAX_TRIES, VISIBILITY_TIMEOUT};
use cellstack_embedded::Ordering;
use cellstack_emulator::{Fault, FaultKind};

use crate::bench::Bench;

const BOTH: [Ordering; 2] = [Ordering::None, Ordering::Tenant];

/// The bad event's place among ten.
const BAD: usize = 4;

#[tokio::test(start_paused = true)]
async fn ten_slow_events_in_one_batch_are_all_processed() {
    for ordering in BOTH {
        let mut bench = Bench::new(ordering).await;
        let ids = bench.accept("acme", &["slow"; 10]).await;
        bench.run(3 * VISIBILITY_TIMEOUT).await;
        assert_eq!(bench.unprocessed("acme", &ids).await, [], "{ordering:?}");
        assert!(bench.dead_letters().is_empty(), "{ordering:?}: {:?}", bench.dead_letters());
        assert_eq!((bench.seen("acme").await, bench.queued()), (10, 0), "{ordering:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_events_of_one_tenant_in_order_do_not_wait_for_the_visibility_timeout() {
    let mut bench = Bench::new(Ordering::Tenant).await;
    let ids = bench.accept("acme", &["slow"; 20]).await;
    bench.run(VISIBILITY_TIMEOUT).await;
    assert_eq!(bench.unprocessed("acme", &ids).await, []);
    assert_eq!((bench.told.journal(), bench.queued()), (ids, 0), "in order, each once");
}

/// Runs one bad event among nine good ones of its tenant.
async fn alone(event_type: &str, detail: &str) {
    for ordering in BOTH {
        let case = format!("{event_type}, {ordering:?}");
        let mut types = ["good"; 10];
        types[BAD] = event_type;
        let mut bench = Bench::new(ordering).await;
        let mut ids = bench.accept("acme", &types).await;
        bench.run((MAX_TRIES + 3) * VISIBILITY_TIMEOUT).await;
        let bad = ids.remove(BAD);
        assert_eq!(bench.unprocessed("acme", &ids).await, [], "{case}");
        let dead_letters = bench.dead_letters();
        assert_eq!(dead_letters.len(), 1, "{case}: {dead_letters:?}");
        let letter = &dead_letters[0];
        assert_eq!((letter.event, letter.reason), (Some(bad), Reason::RetriesExhausted), "{case}");
        assert_eq!(letter.attempts, MAX_TRIES, "{case}");
        assert!(letter.detail.contains(detail), "{case}: {}", letter.detail);
        assert_eq!(bench.status("acme", bad).await, "accepted", "{case}: it can be redriven as it is");
        assert_eq!((bench.seen("acme").await, bench.queued()), (9, 0), "{case}");
        if ordering == Ordering::Tenant {
            assert_eq!(bench.told.journal().iter().filter(|id| ids.contains(id)).count(), 9, "{case}: each once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_is_dead_lettered_alone() {
    alone("hangs", "no result within 10s").await;
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_the_process_is_dead_lettered_alone() {
    alone("aborts", "ended without a result").await;
}

#[tokio::test(start_paused = true)]
async fn one_that_blocks_the_thread_until_the_time_out_is_dead_lettered_alone() {
    alone("blocks", "ended without a result").await;
}

#[tokio::test(start_paused = true)]
async fn several_bad_ones_in_a_row_hold_their_tenant_up_for_their_tries_and_no_longer() {
    for ordering in BOTH {
        let bad = ["aborts", "hangs", "blocks", "never", "aborts", "refused"];
        let mut types = vec!["good"];
        types.extend(bad);
        types.extend(["good", "good"]);
        let mut bench = Bench::new(ordering).await;
        let ids = bench.accept("acme", &types).await;
        bench.run(MAX_TRIES * bad.len() as u32 * VISIBILITY_TIMEOUT).await;
        let good = [ids[0], ids[7], ids[8]];
        assert_eq!(bench.unprocessed("acme", &good).await, [], "{ordering:?}");
        let dead_letters = bench.dead_letters();
        let mut dead: Vec<_> = dead_letters.iter().filter_map(|letter| letter.event).collect();
        if ordering == Ordering::Tenant {
            assert_eq!(bench.told.journal(), good, "in order");
            assert_eq!(dead, ids[1..7], "in order");
        }
        let mut expected = ids[1..7].to_vec();
        dead.sort();
        expected.sort();
        assert_eq!(dead, expected, "{ordering:?}: each once");
        assert!(dead_letters.iter().all(|letter| letter.attempts <= MAX_TRIES), "{ordering:?}: {dead_letters:?}");
        assert_eq!(bench.queued(), 0, "{ordering:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_delays_its_neighbours_of_other_tenants_by_one_visibility_timeout_at_most() {
    for event_type in ["hangs", "aborts", "blocks"] {
        for ordering in BOTH {
            let mut bench = Bench::new(ordering).await;
            bench.accept("acme", &["good", event_type, "good"]).await;
            let neighbours = bench.accept("globex", &["good"; 4]).await;
            bench.run(VISIBILITY_TIMEOUT + CONSUMER_TIMEOUT).await;
            assert_eq!(bench.unprocessed("globex", &neighbours).await, [], "{event_type}, {ordering:?}");
            bench.wait((MAX_TRIES + 2) * VISIBILITY_TIMEOUT).await;
            assert_eq!(bench.dead_letters().len(), 1, "{event_type}, {ordering:?}");
            assert_eq!((bench.seen("acme").await, bench.queued()), (2, 0), "{event_type}, {ordering:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_acknowledged_before_a_suspect_runs() {
    let mut bench = Bench::new(Ordering::None).await;
    let bad = bench.accept("acme", &["aborts"]).await[0];
    // Its first try, and the first that is noted.
    bench.run(VISIBILITY_TIMEOUT + Duration::from_secs(1)).await;
    bench.stop();
    bench.wait(VISIBILITY_TIMEOUT).await;
    let neighbours = bench.accept("globex", &["good"; 9]).await;
    bench.run(Duration::from_secs(1)).await;
    assert_eq!(bench.unprocessed("globex", &neighbours).await, []);
    assert_eq!(bench.queued(), 1, "the suspect ended the process, its neighbours are acknowledged");
    assert_eq!(bench.status("acme", bad).await, "accepted");
}

#[tokio::test(start_paused = true)]
async fn of_returning_events_those_with_the_fewest_tries_run_first() {
    for ordering in BOTH {
        let mut bench = Bench::new(ordering).await;
        bench.accept("acme", &["aborts"]).await;
        // Its first try, and the first that is noted.
        bench.run(VISIBILITY_TIMEOUT + Duration::from_secs(1)).await;
        bench.stop();
        bench.wait(VISIBILITY_TIMEOUT).await;
        // Received and not processed, as by a function that Lambda throttles: all of them return together.
        let neighbours = bench.accept("globex", &["good"; 5]).await;
        for _ in 0..2 {
            bench.receive().await;
        }
        bench.wait(VISIBILITY_TIMEOUT).await;
        let mut batch = bench.receive().await;
        batch.records.extend(bench.receive().await.records);
        assert_eq!(batch.records.len(), 6, "{ordering:?}");
        bench.end_in(batch).await;
        assert_eq!(bench.unprocessed("globex", &neighbours).await, [], "{ordering:?}");
        assert_eq!(bench.queued(), 1, "{ordering:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_twice_in_a_batch_or_again_with_the_same_receipt_has_one_effect() {
    for ordering in BOTH {
        let bench = Bench::new(ordering).await;
        bench.accept("acme", &["good", "good"]).await;
        let batch = bench.receive().await;
        let mut twice = batch.clone();
        twice.records.extend(batch.records.clone());
        let mut copies = batch.clone();
        for (at, copy) in copies.records.iter_mut().enumerate() {
            copy.message_id = Some(format!("copy-{at}"));
        }
        twice.records.extend(copies.records);
        let consumer = bench.consumer().await;
        for event in [twice, batch.clone(), batch] {
            let response = consumer.handle(event, CONSUMER_TIMEOUT).await;
            assert!(response.batch_item_failures.is_empty(), "{ordering:?}: {response:?}");
        }
        assert_eq!(bench.seen("acme").await, 2, "{ordering:?}");
        assert!(bench.dead_letters().is_empty(), "{ordering:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_table_is_out_no_try_counts() {
    for ordering in BOTH {
        let mut bench = Bench::new(ordering).await;
        let ids = bench.accept("acme", &["good"; 10]).await;
        for kind in [FaultKind::Throttle, FaultKind::TransactionConflict, FaultKind::ServerError, FaultKind::Hang] {
            let fault = Fault::new("DynamoDB", "TransactWriteItems", kind);
            bench.world.stack.aws().faults().inject(fault.times(1_000_000));
            bench.run((MAX_TRIES + 1) * VISIBILITY_TIMEOUT).await;
            bench.stop();
            bench.world.stack.aws().faults().clear();
        }
        assert_eq!(bench.unprocessed("acme", &ids).await.len(), 10, "{ordering:?}");
        bench.run(3 * VISIBILITY_TIMEOUT).await;
        assert_eq!(bench.unprocessed("acme", &ids).await, [], "{ordering:?}");
        assert!(bench.dead_letters().is_empty(), "{ordering:?}: {:?}", bench.dead_letters());
        assert_eq!((bench.seen("acme").await, bench.queued()), (10, 0), "{ordering:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_held_or_done_is_acknowledged_and_not_processed() {
    for status in ["held", "processed", "failed", "carried"] {
        for receives in [1, 2] {
            let bench = Bench::new(Ordering::None).await;
            let ids = bench.accept("acme", &["good"]).await;
            bench.set_status("acme", ids[0], status).await;
            let mut batch = bench.receive().await;
            let count = batch.records[0].attributes.get_mut("ApproximateReceiveCount").unwrap();
            *count = receives.to_string();
            let response = bench.consumer().await.handle(batch, CONSUMER_TIMEOUT).await;
            assert!(response.batch_item_failures.is_empty(), "{status}");
            assert_eq!((bench.seen("acme").await, bench.status("acme", ids[0]).await.as_str()), (0, status));
            assert!(bench.dead_letters().is_empty(), "{status}");
        }
    }
}

//! Commits against a scripted table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cellstack_core::limits::MAX_TRANSACTION;
use cellstack_core::{EventId, usage};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::chunk::chunks;
use super::{Committer, THROTTLE_PATIENCE};
use crate::effects::{Effect, Effects};
use crate::failure::Failure;
use crate::scripted::{Reply, cancelled, client, error};

const TIME: Duration = Duration::from_secs(20);

pub(super) fn id(number: usize) -> EventId {
    EventId::named("test", &number.to_string())
}

fn one() -> Effects {
    Effects::none().add("total", "count", 1)
}

/// Returns the event of an action that is a mark.
pub(super) fn marked(action: &Value) -> Option<&str> {
    action["Update"]["Key"]["sk"]["S"].as_str().and_then(|key| key.strip_prefix("event#"))
}

/// Returns the events that an action counts, if it is one of usage.
fn counted(action: &Value) -> Option<u64> {
    let update = &action["Update"];
    update["Key"]["tenant_id"]["S"].as_str()?.strip_prefix(usage::USAGE_PREFIX)?;
    assert_eq!(update["Key"]["sk"]["S"], "acme");
    update["ExpressionAttributeValues"][":counted"]["N"].as_str()?.parse().ok()
}

pub(super) async fn commit(
    respond: impl FnMut(&str, &Value) -> Reply + Send + 'static,
    ordered: bool,
    events: &[(EventId, Effects)],
) -> Vec<(EventId, Failure)> {
    let (client, tenant) = (client(respond), "acme".parse().unwrap());
    let deadline = Instant::now() + TIME;
    let committer = Committer { client: &client, table: "table", tenant: &tenant, now_ms: 1, ordered, deadline };
    let events: Vec<_> = events.iter().map(|(id, effects)| (*id, effects)).collect();
    committer.commit(&events).await
}

/// The marks of each request.
type Asked = Arc<Mutex<Vec<Vec<String>>>>;

/// Returns a function that replies from a list, and the marks of each request.
fn listed(replies: Vec<Reply>) -> (impl FnMut(&str, &Value) -> Reply + Send, Asked) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    let mut replies = replies.into_iter();
    let respond = move |operation: &str, request: &Value| {
        assert_eq!(operation, "TransactWriteItems");
        let actions = request["TransactItems"].as_array().unwrap();
        let marks = actions.iter().filter_map(marked).map(ToOwned::to_owned).collect();
        kept.lock().unwrap().push(marks);
        replies.next().unwrap_or((200, json!({})))
    };
    (respond, asked)
}

fn status(status: &str) -> Option<Value> {
    Some(json!({ "status": { "S": status } }))
}

fn ids(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| id(*number).to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn of_mixed_reasons_each_is_its_own_events_and_the_rest_is_tried_again() {
    const REFUSED: &str = "ConditionalCheckFailed";
    let events: Vec<_> = (0..8).map(|number| (id(number), one())).collect();
    let first = cancelled(&[
        (REFUSED, status("processed")),
        ("TransactionConflict", None),
        (REFUSED, None),
        ("None", None),
        (REFUSED, status("failed")),
        (REFUSED, status("carried")),
        (REFUSED, status("held")),
        (REFUSED, status("paused")),
        ("TransactionConflict", None),
    ]);
    let (respond, asked) = listed(vec![first]);
    let failed = commit(respond, false, &events).await;
    let unknown = Failure::Uncommitted("its status is 'paused'".to_owned());
    assert_eq!(failed, [(id(2), Failure::NotHeld), (id(7), unknown)]);
    assert_eq!(*asked.lock().unwrap(), [ids(&[0, 1, 2, 3, 4, 5, 6, 7]), ids(&[1, 3])]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_until_it_passes_or_the_deadline_comes_and_never_in_step() {
    let conflict = || cancelled(&[("TransactionConflict", None), ("None", None)]);
    let (respond, asked) = listed(vec![conflict(); 30]);
    assert_eq!(commit(respond, false, &[(id(0), one())]).await, []);
    assert_eq!(asked.lock().unwrap().len(), 31);

    let (begun, times) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&times);
    let respond = move |_: &str, _: &Value| {
        noted.lock().unwrap().push(Instant::now());
        conflict()
    };
    let failed = commit(respond, false, &[(id(0), one())]).await;
    assert!(
        matches!(&failed[..], [(_, Failure::Uncommitted(why))] if why.contains("TransactionConflict")),
        "{failed:?}"
    );
    assert!(begun.elapsed() > TIME - Duration::from_secs(1) && begun.elapsed() < TIME, "{:?}", begun.elapsed());
    let times = times.lock().unwrap();
    let pauses: BTreeSet<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(times.len() > 90 && pauses.len() > times.len() / 3, "{} tries, pauses {pauses:?}", times.len());
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_tried_again_for_a_while_and_says_nothing_about_the_event() {
    let throttled = cancelled(&[("None", None), ("ThrottlingError", None)]);
    for reply in [throttled, error(400, "ThrottlingException"), error(400, "ProvisionedThroughputExceededException")] {
        let (respond, asked) = listed(vec![reply.clone(); 3]);
        assert_eq!(commit(respond, false, &[(id(0), one())]).await, []);
        assert_eq!(asked.lock().unwrap().len(), 4);

        let begun = Instant::now();
        let failed = commit(move |_: &str, _: &Value| reply.clone(), true, &[(id(0), one()), (id(1), one())]).await;
        assert!(begun.elapsed() < THROTTLE_PATIENCE, "{:?}", begun.elapsed());
        assert!(matches!(&failed[..], [(_, Failure::Uncommitted(_)), (_, Failure::Blocked)]), "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fills_a_transaction_is_committed_and_not_counted() {
    let full = (0..MAX_TRANSACTION - 1).fold(Effects::none(), |effects, at| effects.add(format!("n{at:02}"), "n", 1));
    let one_less =
        (0..MAX_TRANSACTION - 2).fold(Effects::none(), |effects, at| effects.add(format!("n{at:02}"), "n", 1));
    let counts = (0..).map(id).find(|id| usage::counted(*id) > 0).unwrap();
    for (effects, expected) in [(full, 0), (one_less, usage::SAMPLE)] {
        let table = Arc::new(Mutex::new(Table::default()));
        table.lock().unwrap().accepted.insert(counts.to_string(), true);
        let shared = Arc::clone(&table);
        let respond = move |_: &str, request: &Value| shared.lock().unwrap().respond(request);
        assert_eq!(commit(respond, false, &[(counts, effects)]).await, []);
        let table = table.lock().unwrap();
        assert_eq!((table.processed.len(), table.counted), (1, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_fails_or_refuses_the_caller_says_nothing_about_the_events() {
    for reply in [error(500, "InternalServerError"), error(400, "AccessDeniedException")] {
        let (respond, asked) = listed(vec![reply]);
        let failed = commit(respond, false, &[(id(0), one()), (id(1), one())]).await;
        assert!(failed.iter().all(|(_, failure)| matches!(failure, Failure::Uncommitted(_))), "{failed:?}");
        assert_eq!((failed.len(), asked.lock().unwrap().len()), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_effects_are_refused_fails_alone() {
    let refusals = [
        error(400, "ValidationException"),
        cancelled(&[("None", None), ("None", None), ("None", None), ("ValidationError", None)]),
        cancelled(&[
            ("TransactionConflict", None),
            ("None", None),
            ("None", None),
            ("ItemCollectionSizeLimitExceeded", None),
        ]),
    ];
    for refusal in refusals {
        for ordered in [false, true] {
            let events: Vec<_> = (0..3).map(|number| (id(number), one())).collect();
            let (respond, asked) = listed(vec![refusal.clone(), (200, json!({})), refusal.clone()]);
            let failed = commit(respond, ordered, &events).await;
            let mut marks = vec![ids(&[0, 1, 2]), ids(&[0]), ids(&[1])];
            assert!(matches!(failed[0], (bad, Failure::Refused(_)) if bad == id(1)), "{failed:?}");
            if ordered {
                assert_eq!(failed[1..], [(id(2), Failure::Blocked)]);
            } else {
                assert_eq!(failed.len(), 1);
                marks.push(ids(&[2]));
            }
            assert_eq!(*asked.lock().unwrap(), marks);
        }
    }
}

/// A table as far as commits are concerned.
#[derive(Default)]
struct Table {
    /// The events that are there, and whether they are accepted.
    accepted: BTreeMap<String, bool>,
    /// The events whose effects the table refuses.
    refused: BTreeSet<String>,
    /// The troubles of the next calls.
    trouble: Vec<Trouble>,
    /// The events that these commits processed, in order.
    processed: Vec<String>,
    count: i64,
    /// The events that were counted in the cell's usage.
    counted: u64,
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    None,
    Conflict,
    Throttle,
    Fails,
}

impl Table {
    fn respond(&mut self, request: &Value) -> Reply {
        let actions = request["TransactItems"].as_array().unwrap();
        assert!(actions.len() <= MAX_TRANSACTION, "{} actions", actions.len());
        let marks: Vec<String> = actions.iter().filter_map(marked).map(ToOwned::to_owned).collect();
        let trouble = self.trouble.pop().unwrap_or(Trouble::None);
        if matches!(trouble, Trouble::Fails) {
            return error(500, "InternalServerError");
        }
        let mut reasons = vec![("None", None); actions.len()];
        match trouble {
            Trouble::Conflict => reasons[0].0 = "TransactionConflict",
            Trouble::Throttle => reasons[actions.len() - 1].0 = "ThrottlingError",
            Trouble::None | Trouble::Fails => {}
        }
        for (reason, mark) in reasons.iter_mut().zip(&marks) {
            match self.accepted.get(mark) {
                Some(true) => {}
                Some(false) => *reason = ("ConditionalCheckFailed", status("processed")),
                None => *reason = ("ConditionalCheckFailed", None),
            }
        }
        if reasons.iter().any(|(code, _)| *code != "None") {
            return cancelled(&reasons);
        }
        if marks.iter().any(|mark| self.refused.contains(mark)) {
            return error(400, "ValidationException");
        }
        for mark in marks {
            self.accepted.insert(mark.clone(), false);
            self.processed.push(mark);
        }
        let added = actions.iter().map(|action| &action["Update"]["ExpressionAttributeValues"][":a0"]["N"]);
        self.count += added.filter_map(|number| number.as_str()?.parse::<i64>().ok()).sum::<i64>();
        self.counted += actions.iter().filter_map(counted).sum::<u64>();
        (200, json!({}))
    }
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        6 => Just(Trouble::None),
        2 => Just(Trouble::Conflict),
        1 => Just(Trouble::Throttle),
        1 => Just(Trouble::Fails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_the_table_says_each_event_has_its_effect_once_in_order_or_its_own_failure(
        states in proptest::collection::vec(0..6_u8, 1..140),
        trouble in proptest::collection::vec(trouble(), 0..12),
        ordered in any::<bool>(),
    ) {
        let mut table = Table { trouble, ..Table::default() };
        for (at, state) in states.iter().enumerate() {
            let id = id(at).to_string();
            match state {
                0 => {}
                1 => drop(table.accepted.insert(id, false)),
                2 => {
                    table.refused.insert(id.clone());
                    table.accepted.insert(id, true);
                }
                _ => drop(table.accepted.insert(id, true)),
            }
        }
        let table = Arc::new(Mutex::new(table));
        let shared = Arc::clone(&table);
        let events: Vec<_> = (0..states.len()).map(|at| (id(at), one())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let respond = move |_: &str, request: &Value| shared.lock().unwrap().respond(request);
        let failed: BTreeMap<_, _> = runtime.block_on(commit(respond, ordered, &events)).into_iter().collect();

        let table = table.lock().unwrap();
        prop_assert_eq!(table.count, table.processed.len() as i64);
        let expected: u64 = table.processed.iter().map(|id| usage::counted(id.parse().unwrap())).sum();
        prop_assert_eq!(table.counted, expected, "usage");
        let order: Vec<_> = events.iter().map(|(id, _)| id.to_string()).filter(|id| table.processed.contains(id)).collect();
        if ordered {
            prop_assert_eq!(&order, &table.processed, "in order");
        }
        let mut stopped = false;
        for (at, state) in states.iter().enumerate() {
            let failure = failed.get(&id(at));
            let processed = table.processed.contains(&id(at).to_string());
            prop_assert!(!processed || failure.is_none(), "{at} is processed and {failure:?}");
            prop_assert!(!(ordered && stopped && processed), "{at} has overtaken");
            match failure {
                None => prop_assert!(processed || *state == 1, "{at} is nowhere"),
                Some(Failure::NotHeld) => prop_assert_eq!(*state, 0),
                Some(Failure::Refused(_)) => prop_assert_eq!(*state, 2),
                Some(Failure::Uncommitted(_)) => {}
                Some(Failure::Blocked) => prop_assert!(ordered && stopped, "{at} is blocked by nothing"),
                Some(Failure::Unprocessed(_)) => prop_assert!(false, "{at} was not run here"),
            }
            stopped |= failure.is_some();
        }
    }

    #[test]
    fn chunks_keep_the_order_fit_a_transaction_and_add_up(
        events in proptest::collection::vec((0..3_u8, 1..40_usize, -1_000_000_000_000_000_000_000_000_i128..1_000_000_000_000_000_000_000_000, 0..10_u32), 0..120),
    ) {
        let effects: Vec<_> = events
            .iter()
            .enumerate()
            .map(|(at, (kind, items, units, scale))| {
                let amount = Decimal::from_i128_with_scale(*units, *scale);
                let effects = match kind {
                    0 => (0..*items).fold(Effects::none(), |all, item| all.add(format!("item#{item}"), "n", 1)),
                    1 => Effects::none().delete("gone"),
                    _ => Effects::none().add("gone", "n", 1),
                };
                (id(at), effects.add("total", "sum", amount))
            })
            .collect();
        let chunks = chunks(effects.iter().map(|(id, effects)| (*id, effects)));
        let order: Vec<_> = chunks.iter().flat_map(|chunk| chunk.events.iter().map(|(id, _)| *id)).collect();
        prop_assert_eq!(order, effects.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        // The sums are compared in units of 10^-9, as whole numbers.
        let exact = |amount: &Decimal| amount.mantissa() * 10_i128.pow(9 - amount.scale());
        let mut sum = 0;
        for chunk in &chunks {
            let own = chunk.events.len() + chunk.writes.len();
            prop_assert!(own < MAX_TRANSACTION || chunk.events.len() == 1, "there is room for the count");
            match &chunk.writes["total"] {
                Effect::Add(numbers) => sum += exact(&numbers["sum"].amount),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        let expected: i128 = events.iter().map(|(_, _, units, scale)| units * 10_i128.pow(9 - scale)).sum();
        prop_assert_eq!(sum, expected);
    }
}

//! Events that take from a number: committed where enough is there, refused with what they found otherwise.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use cellstack_core::EventId;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{commit, id, marked};
use crate::effects::Effects;
use crate::failure::Failure;
use crate::scripted::{Reply, cancelled};

/// A table with one number, and the events that it has processed.
#[derive(Default)]
struct Stock {
    number: i64,
    processed: BTreeSet<String>,
}

impl Stock {
    /// Responds to a transaction, whose write is behind its marks.
    fn respond(&mut self, request: &Value) -> Reply {
        let actions = request["TransactItems"].as_array().unwrap();
        let marks: Vec<_> = actions.iter().filter_map(marked).collect();
        let write = &actions[marks.len()]["Update"];
        let values =
            |name: &str| write["ExpressionAttributeValues"][name]["N"].as_str().map(|n| n.parse::<i64>().unwrap());
        let condition = write["ConditionExpression"].as_str();
        assert_eq!(condition.is_some(), values(":least0").is_some(), "{write}");
        if values(":least0").is_some_and(|least| self.number < least) {
            let mut reasons = vec![("None", None); actions.len()];
            reasons[marks.len()] =
                ("ConditionalCheckFailed", Some(json!({ "units": { "N": self.number.to_string() } })));
            return cancelled(&reasons);
        }
        self.number += values(":a0").unwrap();
        self.processed.extend(marks.into_iter().map(ToOwned::to_owned));
        (200, json!({}))
    }
}

async fn commit_to(stock: &Arc<Mutex<Stock>>, events: &[(EventId, Effects)]) -> Vec<(EventId, Failure)> {
    let shared = Arc::clone(stock);
    commit(move |_: &str, request: &Value| shared.lock().unwrap().respond(request), false, events).await
}

fn take(units: i64) -> Effects {
    Effects::none().take("stock#pen", "units", units)
}

#[tokio::test(start_paused = true)]
async fn an_event_that_takes_more_than_is_there_is_refused_with_what_it_found() {
    let stock = Arc::new(Mutex::new(Stock { number: 5, ..Stock::default() }));
    let events = [(id(0), take(3)), (id(1), take(3)), (id(2), take(2))];
    let failed = commit_to(&stock, &events).await;
    let why = "'units' of item 'stock#pen' is 2; expected 3 at least".to_owned();
    assert_eq!(failed, [(id(1), Failure::Refused(why))]);
    assert_eq!(stock.lock().unwrap().number, 0);
    assert_eq!(stock.lock().unwrap().processed, [id(0), id(2)].map(|id| id.to_string()).into());
}

#[tokio::test(start_paused = true)]
async fn a_missing_number_is_zero() {
    let respond = |_: &str, request: &Value| {
        let condition = &request["TransactItems"][1]["Update"]["ConditionExpression"];
        assert_eq!(condition, "(attribute_not_exists(#a0) OR #a0 >= :least0)");
        (200, json!({}))
    };
    let given_back = Effects::none().add("stock#pen", "units", 3).take("stock#pen", "units", 3);
    assert_eq!(commit(respond, false, &[(id(0), given_back)]).await, []);

    let missing = cancelled(&[("None", None), ("ConditionalCheckFailed", None)]);
    let failed = commit(move |_: &str, _: &Value| missing.clone(), false, &[(id(0), take(1))]).await;
    let why = "'units' of item 'stock#pen' is 0; expected 1 at least".to_owned();
    assert_eq!(failed, [(id(0), Failure::Refused(why))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn events_that_share_transactions_are_refused_as_if_each_came_alone(
        number in 0..20_i64,
        changes in proptest::collection::vec((0..6_i64, any::<bool>()), 1..40),
    ) {
        let (mut expected, mut refused) = (number, Vec::new());
        let mut events = Vec::new();
        for (at, (units, takes)) in changes.iter().enumerate() {
            events.push((id(at), if *takes { take(*units) } else { Effects::none().add("stock#pen", "units", *units) }));
            if *takes && *units > expected {
                refused.push(id(at));
            } else {
                expected += if *takes { -units } else { *units };
            }
        }
        let stock = Arc::new(Mutex::new(Stock { number, ..Stock::default() }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let failed = runtime.block_on(commit_to(&stock, &events));
        prop_assert_eq!(failed.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), refused);
        prop_assert_eq!(stock.lock().unwrap().number, expected);
    }
}

//! The reference processor as an application: amounts of all forms, and totals that must be exact.

use std::collections::{BTreeMap, BTreeSet};

use cellstack_consumer::Totals;
use cellstack_core::EventRecord;
use cellstack_core::cell_table::TOTAL_PREFIX;
use rand::{Rng as _, RngCore};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::amount::billionths;
use super::{Application, Draft, Partition};

/// Few, so that events of a type meet on their total.
const TYPES: [&str; 4] = ["order.placed", "order.paid", "item.sold", "a:B_c/d-9.0"];

impl Application for Totals {
    fn draw_poison(&self, random: &mut dyn RngCore) -> Option<Draft> {
        Some(draw(random, rejected))
    }

    fn may_refuse(&self, _event_type: &str) -> bool {
        false
    }

    /// Sums are compared exactly.
    fn check(&self, partition: &Partition<'_>) -> Result<(), String> {
        let mut expected: BTreeMap<&str, Total> = BTreeMap::new();
        for event in partition.processed() {
            let (count, sum) = expected.entry(event.event_type.as_str()).or_insert((0, Some(0)));
            *count += 1;
            *sum = sum.zip(amount_of(event)).map(|(sum, amount)| sum + amount);
        }
        let totals = partition.items().keys().filter_map(|sort_key| sort_key.strip_prefix(TOTAL_PREFIX));
        let types: BTreeSet<&str> = expected.keys().copied().chain(totals).collect();
        for event_type in types {
            let (events, total) = (expected.get(event_type).copied(), total(partition, event_type));
            if events != total {
                return Err(format!("{event_type}: processed are {events:?}, the total says {total:?}"));
            }
        }
        Ok(())
    }
}

/// Count, and sum in billionths; `None` where it can't be read exactly.
type Total = (i128, Option<i128>);

fn total(partition: &Partition<'_>, event_type: &str) -> Option<Total> {
    let number = |attribute: &str| partition.number(&format!("{TOTAL_PREFIX}{event_type}"), attribute);
    Some((number("count")?.parse().ok()?, billionths(number("sum")?)))
}

/// Returns an event's amount in billionths; `None` where it has none that can be read exactly.
fn amount_of(event: &EventRecord) -> Option<i128> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        amount: &'a RawValue,
    }
    let data: Data<'_> = serde_json::from_str(event.data.as_deref()?).ok()?;
    billionths(data.amount.get())
}

/// Draws an event with an amount.
pub(super) fn draw(random: &mut dyn RngCore, amount: fn(&mut dyn RngCore) -> String) -> Draft {
    let event_type = TYPES[random.random_range(0..TYPES.len())].to_owned();
    let data = format!(r#"{{"amount":{}}}"#, amount(random));
    Draft { event_type, data, other: r#"{"amount":1000000}"#.to_owned() }
}

/// Draws an amount that the reference processor takes.
pub(super) fn amount(random: &mut dyn RngCore) -> String {
    let whole: u64 = random.random_range(0..1_000);
    let sign = if random.random_bool(0.3) { "-" } else { "" };
    match random.random_range(0..10) {
        0..4 => whole.to_string(),
        4..7 => {
            let places = random.random_range(1..=9);
            format!("{sign}{whole}.{:0places$}", random.random_range(0..10_u64.pow(places as u32)))
        }
        7 => format!("{sign}{whole}.5e{}", random.random_range(0..9)),
        8 => format!("{sign}{whole}E-{}", random.random_range(1..9)),
        _ => format!("{sign}{}.{:09}", random.random_range(0..10_u64.pow(15)), random.random_range(0..10_u64.pow(9))),
    }
}

/// Draws an amount that it refuses.
fn rejected(random: &mut dyn RngCore) -> String {
    let whole: u64 = random.random_range(1..1_000);
    match random.random_range(0..5) {
        0 => json!(format!("{whole} or so")).to_string(),
        1 => format!("{whole}e15"),
        2 => format!("{whole}.{:010}", 1 + 10 * random.random_range(0..1_000)),
        3 => format!("{}e-{}", 10 * whole + 1, random.random_range(10..28)),
        _ => json!({ "of": whole }).to_string(),
    }
}

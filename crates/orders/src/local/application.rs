//! Orders as the local tools run them.

use cellstack_local::rand::{Rng as _, RngCore};
use cellstack_local::{Application, Draft, Partition};
use serde_json::{Value, json};

use super::{Sandbox, invariant};
use crate::{ORDER_PLACED, Orders, STOCK_RECEIVED};

/// Few, so that orders compete for them.
const ITEMS: [&str; 3] = ["pen", "ink", "paper"];

impl Application for Orders<Sandbox> {
    const SAMPLES: &'static str = "crates/orders/events";
    const EXAMPLE: &'static str = r#"{"type":"stock.received","data":{"items":[{"item":"pen","units":100}]}}"#;

    /// Each run has a gateway of its own.
    fn fresh(&self) -> Self {
        Self::new(Sandbox::default())
    }

    fn draw(&self, random: &mut dyn RngCore) -> Draft {
        if random.random_bool(0.3) {
            let line = |item| json!({ "item": item, "units": random.random_range(1..=40) });
            return Draft::new(STOCK_RECEIVED, &json!({ "items": ITEMS.map(line) }));
        }
        // Two lines may name the same item.
        let lines: Vec<Value> = (0..random.random_range(1..=2)).map(|_| line(random)).collect();
        Draft::new(ORDER_PLACED, &json!({ "items": lines }))
    }

    fn draw_poison(&self, random: &mut dyn RngCore) -> Option<Draft> {
        let mut wrong = line(random);
        let (member, value) = match random.random_range(0..4) {
            0 => ("units", json!(0)),
            1 => ("units", json!(-3)),
            2 => ("price", json!("0.005")),
            _ => ("price", json!("a lot")),
        };
        wrong[member] = value;
        Some(Draft::new(ORDER_PLACED, &json!({ "items": [wrong] })))
    }

    /// Stock may run out.
    fn may_refuse(&self, event_type: &str) -> bool {
        event_type == ORDER_PLACED
    }

    fn check(&self, partition: &Partition<'_>) -> Result<(), String> {
        invariant::check(self.gateway(), partition)
    }
}

fn item(random: &mut dyn RngCore) -> &'static str {
    ITEMS[random.random_range(0..ITEMS.len())]
}

fn line(random: &mut dyn RngCore) -> Value {
    let price = format!("{}.{:02}", random.random_range(0..1_000), random.random_range(0..100));
    json!({ "item": item(random), "units": random.random_range(1..=12), "price": price })
}

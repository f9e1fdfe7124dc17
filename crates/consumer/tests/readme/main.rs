//! The README's processor, as the page shows it: `tests/docs` holds `stock.rs` against the page.

#![allow(clippy::unwrap_used, reason = "a test's helpers end the test")]

mod stock;

use cellstack_consumer::{Effects, Message, ProcessError, Processor as _};

use crate::stock::Stock;

fn message(data: &str) -> Message {
    let frame = r#""specversion":"1.0","id":"019b76da-a800-7000-8000-000000000007","source":"/cellstack""#;
    let rest = r#""type":"order.placed","time":"2026-01-01T00:00:00Z","tenantid":"acme","cell":"alpha","epoch":1"#;
    Message::decode(&format!("{{{frame},{rest}{data}}}")).unwrap()
}

#[tokio::test]
async fn it_counts_what_was_sold_and_refuses_an_order_without_data() {
    let stock = Stock;
    let sold = stock.process(&message(r#","data":{"amount":10}"#)).await.unwrap();
    assert_eq!(sold, Effects::none().add("stock#sold", "count", 1));
    let refused = stock.process(&message("")).await.unwrap_err();
    assert!(matches!(refused, ProcessError::Permanent(reason) if reason == "an order needs data"));
}

//! The processor by itself.

use cellstack_consumer::{Effects, Message, ProcessError, Processor as _};
use cellstack_orders::{Gateway, GatewayError, Orders, Payment, Sandbox};
use rust_decimal::Decimal;
use serde_json::json;

const ID: &str = "019b76da-a800-7000-8000-000000000007";

fn event(event_type: &str, data: &str) -> Message {
    let frame = format!(r#""specversion":"1.0","id":"{ID}","source":"/cellstack","time":"2026-01-01T00:00:00Z""#);
    let rest = format!(r#""type":"{event_type}","tenantid":"acme","cell":"alpha","epoch":1,"data":{data}"#);
    Message::decode(&format!("{{{frame},{rest}}}")).unwrap()
}

/// A gateway that always says the same.
#[derive(Clone)]
struct Says(GatewayError);

impl Gateway for Says {
    async fn authorise(&self, _: &str, _: &Payment) -> Result<String, GatewayError> {
        Err(self.0.clone())
    }
}

const ORDER: &str = r#"{"items":[{"item":"pen","units":3,"price":"0.10"},{"item":"ink","units":1,"price":"9.90"}]}"#;

#[tokio::test]
async fn stock_is_added_and_an_order_takes_it() {
    let orders = Orders::new(Sandbox::default());
    let received = event("stock.received", r#"{"items":[{"item":"pen","units":5}]}"#);
    let effects = orders.process(&received).await.unwrap();
    assert_eq!(effects, Effects::none().add("stock#pen", "units", 5));

    let order = event("order.placed", ORDER);
    let effects = match orders.process(&order).await {
        // Its first response may be lost.
        Err(ProcessError::Retryable(_)) => orders.process(&order).await.unwrap(),
        done => done.unwrap(),
    };
    let expected = Effects::none()
        .take("stock#pen", "units", 3)
        .take("stock#ink", "units", 1)
        .add("account", "orders", 1)
        .add("account", "balance", Decimal::new(1_020, 2))
        .result(&json!({ "amount": "10.20", "authorisation": format!("sandbox-acme/{ID}") }));
    assert_eq!(effects, expected);
    let payment = Payment { tenant: order.tenant.clone(), order: order.id, amount: Decimal::new(1_020, 2) };
    assert_eq!(
        orders.gateway().authorised(&order.tenant, order.id),
        [payment],
        "one authorisation, however often it was asked for"
    );
}

#[tokio::test]
async fn a_wrong_event_is_refused_before_the_gateway_is_asked() {
    let orders = Orders::new(Sandbox::default());
    for wrong in [event("order.placed", r#"{"items":[]}"#), event("order.lost", ORDER)] {
        let refused = orders.process(&wrong).await.unwrap_err();
        assert!(matches!(&refused, ProcessError::Permanent(why) if why.contains("expected")), "{refused:?}");
        assert_eq!(orders.gateway().authorised(&wrong.tenant, wrong.id), []);
    }
}

#[tokio::test]
async fn a_declined_payment_is_refused_and_a_missing_response_is_tried_again() {
    let order = event("order.placed", ORDER);
    let declined = Orders::new(Says(GatewayError::Declined("no funds".to_owned())));
    let refused = declined.process(&order).await.unwrap_err();
    assert_eq!(refused, ProcessError::Permanent("the payment was declined: no funds".to_owned()));
    let silent = Orders::new(Says(GatewayError::Unavailable("no response".to_owned())));
    assert!(matches!(silent.process(&order).await, Err(ProcessError::Retryable(_))));
}

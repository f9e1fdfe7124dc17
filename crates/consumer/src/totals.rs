//! The reference processor: a count and an exact sum of `data.amount` per tenant and event type.

use cellstack_core::Message;
use cellstack_core::cell_table::TOTAL_PREFIX;
use cellstack_core::limits::{AMOUNT_DECIMALS, AMOUNT_INTEGER_DIGITS};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::amount;
use crate::{Effects, ProcessError, Processor};

/// The processor that counts events and adds up their `data.amount`, as `GET /v1/totals` shows them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals;

impl Processor for Totals {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        let amount = amount_of(event.data.as_deref())?;
        let total = format!("{TOTAL_PREFIX}{}", event.event_type);
        Ok(Effects::none()
            .add(&total, "count", 1)
            .add(&total, "sum", amount)
            .result(&json!({ "amount": amount.to_string() })))
    }
}

/// Returns `data.amount` as an exact decimal; zero where the data is not an object or has no amount.
fn amount_of(data: Option<&str>) -> Result<Decimal, ProcessError> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        amount: Option<&'a RawValue>,
    }
    let Some(data) = data.filter(|data| data.starts_with('{')) else {
        return Ok(Decimal::ZERO);
    };
    let data: Data<'_> =
        serde_json::from_str(data).map_err(|error| ProcessError::Permanent(format!("data can't be read: {error}")))?;
    let Some(text) = data.amount.map(RawValue::get) else {
        return Ok(Decimal::ZERO);
    };
    amount::parse(text).ok_or_else(|| {
        let found: String = text.chars().take(40).collect();
        ProcessError::Permanent(format!(
            "data.amount must be a number of at most {AMOUNT_INTEGER_DIGITS} digits before its decimal point and \
             {AMOUNT_DECIMALS} behind it; found {found}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_an_exact_decimal_and_nothing_else() {
        let of = |data: &str| amount_of(Some(data)).map(|amount| amount.to_string());
        assert_eq!(of(r#"{"amount":42}"#).unwrap(), "42");
        assert_eq!(of(r#"{"amount":0.1}"#).unwrap(), "0.1");
        assert_eq!(of(r#"{"amount":-1.5e3}"#).unwrap(), "-1500");
        assert_eq!(of("{}").unwrap(), "0");
        assert_eq!(of("[1]").unwrap(), "0");
        assert_eq!(amount_of(None).unwrap(), Decimal::ZERO);
        for bad in [r#"{"amount":"42"}"#, r#"{"amount":{}}"#, r#"{"amount":1e15}"#, r#"{"amount":1,"amount":2}"#] {
            assert!(matches!(of(bad), Err(ProcessError::Permanent(_))), "{bad}");
        }
    }
}

//! The rule that orders must keep under all faults: no stock below zero, and stock and balance are those of the accepted
//! orders, each counted once. An accepted order has one authorisation, of its own amount.

use std::collections::{BTreeMap, BTreeSet};

use cellstack_local::{EventRecord, Partition};
use rust_decimal::Decimal;

use super::Sandbox;
use crate::{Invalid, ORDER_PLACED, Order, Payment, STOCK_RECEIVED, Stock};

/// Numbers, by sort key and attribute.
type Numbers = BTreeMap<(String, &'static str), Decimal>;

/// Holds a tenant's stock and account against its processed events. Refused ones are not among them, so an effect of one of
/// those shows as well.
pub(super) fn check(gateway: &Sandbox, partition: &Partition<'_>) -> Result<(), String> {
    let mut expected = Numbers::new();
    for event in partition.processed() {
        let id = event.id();
        count(event, gateway, &mut expected).map_err(|fault| format!("{id} is processed: {fault}"))?;
    }
    let known: BTreeSet<&str> = expected.keys().map(|(sort_key, _)| sort_key.as_str()).collect();
    if let Some(unknown) = partition.items().keys().find(|sort_key| !known.contains(sort_key.as_str())) {
        return Err(format!("{unknown} is there, and no processed event has touched it"));
    }
    for ((sort_key, attribute), expected) in &expected {
        let found = partition.number(sort_key, attribute).unwrap_or("0");
        if found.parse() != Ok(*expected) {
            return Err(format!(
                "{attribute} of {sort_key}: expected {expected} by the processed events, found {found}"
            ));
        }
        if expected.is_sign_negative() && !expected.is_zero() {
            return Err(format!("{attribute} of {sort_key} is below zero: {expected}"));
        }
    }
    Ok(())
}

/// Adds an event to the numbers.
fn count(event: &EventRecord, gateway: &Sandbox, numbers: &mut Numbers) -> Result<(), String> {
    let invalid = |invalid: Invalid| invalid.to_string();
    let data = event.data.as_deref().unwrap_or_default();
    match event.event_type.as_str() {
        STOCK_RECEIVED => {
            for line in Stock::parse(data).map_err(invalid)?.items {
                *numbers.entry((line.sort_key(), "units")).or_default() += Decimal::from(line.units);
            }
        }
        ORDER_PLACED => {
            let order = Order::parse(data).map_err(invalid)?;
            let amount = order.total();
            for line in order.items {
                *numbers.entry((line.sort_key(), "units")).or_default() -= Decimal::from(line.units);
            }
            *numbers.entry(("account".to_owned(), "balance")).or_default() += amount;
            *numbers.entry(("account".to_owned(), "orders")).or_default() += Decimal::ONE;
            let payment = Payment { tenant: event.tenant_id.clone(), order: event.id(), amount };
            let authorised = gateway.authorised(&event.tenant_id, event.id());
            if authorised != [payment] {
                return Err(format!("expected one authorisation of {amount}, found {authorised:?}"));
            }
        }
        other => return Err(format!("{other} is not an event of orders")),
    }
    Ok(())
}

//! The events: their types and their data.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The type of an event that brings stock.
pub const STOCK_RECEIVED: &str = "stock.received";
/// The type of an event that orders from it.
pub const ORDER_PLACED: &str = "order.placed";

/// Most lines of an order: each is a write, and all of them are one transaction.
const MAX_LINES: usize = 20;
/// Most units of a line.
const MAX_UNITS: u32 = 1_000_000;
/// Longest name of an item, in bytes.
const MAX_NAME: usize = 64;
/// Decimal places of a price.
const CENTS: u32 = 2;
/// Highest price of a unit: a balance has digits enough for as many orders as will ever be.
const MAX_PRICE: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// The fault of an event's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

/// Stock that was received.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stock {
    /// The items, one line each.
    pub items: Vec<ReceivedLine>,
}

/// Units of an item.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReceivedLine {
    /// The item's name.
    pub item: String,
    /// Units.
    pub units: u32,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// Its lines.
    pub items: Vec<Line>,
}

/// Units of an item, at a price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// The item's name.
    pub item: String,
    /// Units.
    pub units: u32,
    /// Price of a unit, as text: a JSON number would be rounded by many who read it.
    #[serde(with = "rust_decimal::serde::str")]
    pub price: Decimal,
}

impl Stock {
    /// Reads the data of an event.
    ///
    /// # Errors
    /// When it is not stock.
    pub fn parse(data: &str) -> Result<Self, Invalid> {
        let stock: Self = read(data)?;
        check(stock.items.iter().map(|line| (line.item.as_str(), line.units)))?;
        Ok(stock)
    }
}

impl Order {
    /// Reads the data of an event.
    ///
    /// # Errors
    /// When it is not an order.
    pub fn parse(data: &str) -> Result<Self, Invalid> {
        let order: Self = read(data)?;
        check(order.items.iter().map(|line| (line.item.as_str(), line.units)))?;
        match order.items.iter().map(|line| line.price).find(|price| !is_price(*price)) {
            Some(price) => Err(Invalid(format!(
                "expected prices from 0 to {MAX_PRICE} with {CENTS} decimal places at most, found {price}"
            ))),
            None => Ok(order),
        }
    }

    /// Returns the sum of its lines. It is exact: its limits keep it far from a decimal's 28 digits.
    #[must_use]
    pub fn total(&self) -> Decimal {
        self.items.iter().map(|line| line.price * Decimal::from(line.units)).sum()
    }
}

impl ReceivedLine {
    /// Returns the sort key of the item's stock.
    #[must_use]
    pub fn sort_key(&self) -> String {
        stock(&self.item)
    }
}

impl Line {
    /// Returns the sort key of the item's stock.
    #[must_use]
    pub fn sort_key(&self) -> String {
        stock(&self.item)
    }
}

fn stock(item: &str) -> String {
    format!("stock#{item}")
}

fn is_price(price: Decimal) -> bool {
    price >= Decimal::ZERO && price <= MAX_PRICE && price.scale() <= CENTS
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Invalid> {
    serde_json::from_str(data).map_err(|error| Invalid(format!("data can't be read: {error}")))
}

fn check<'a>(lines: impl ExactSizeIterator<Item = (&'a str, u32)>) -> Result<(), Invalid> {
    if !(1..=MAX_LINES).contains(&lines.len()) {
        return Err(Invalid(format!("expected 1 to {MAX_LINES} items, found {}", lines.len())));
    }
    for (item, units) in lines {
        if item.is_empty() || item.len() > MAX_NAME {
            return Err(Invalid(format!("expected an item of 1 to {MAX_NAME} bytes, found {}", item.len())));
        }
        if !(1..=MAX_UNITS).contains(&units) {
            return Err(Invalid(format!("expected 1 to {MAX_UNITS} units of {item}, found {units}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Result<Order, Invalid> {
        Order::parse(&format!(r#"{{"items":[{line}]}}"#))
    }

    #[test]
    fn an_order_adds_up_exactly() {
        let lines = r#"{"item":"pen","units":3,"price":"0.10"},{"item":"ink","units":1,"price":"1000000"}"#;
        assert_eq!(order(lines).unwrap().total().to_string(), "1000000.30");
    }

    #[test]
    fn whatever_is_not_an_order_is_refused_by_its_fault() {
        for (line, fault) in [
            ("", "expected 1 to 20 items, found 0"),
            (r#"{"item":"pen","units":0,"price":"1"}"#, "expected 1 to 1000000 units of pen, found 0"),
            (r#"{"item":"","units":1,"price":"1"}"#, "expected an item of 1 to 64 bytes, found 0"),
            (r#"{"item":"pen","units":1,"price":"0.001"}"#, "2 decimal places at most, found 0.001"),
            (r#"{"item":"pen","units":1,"price":"-1"}"#, "found -1"),
            (r#"{"item":"pen","units":-1,"price":"1"}"#, "invalid value: integer `-1`"),
            (r#"{"item":"pen","units":1,"price":0.1}"#, "invalid type: floating point"),
        ] {
            let found = order(line).unwrap_err().to_string();
            assert!(found.contains(fault), "{line}: {found}");
        }
        assert!(Stock::parse(r#"{"items":[{"item":"pen","units":0}]}"#).is_err());
    }
}

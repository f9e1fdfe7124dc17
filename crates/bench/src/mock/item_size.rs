//! The size of an item, by the rules for the charge of its write
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).

use serde_json::{Map, Value};

/// Returns the bytes of an item as the API carries it: names and values.
pub(super) fn item_size(item: &Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

/// Returns the bytes of `{"S": ...}`, `{"N": ...}` and so on.
fn value_size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|tagged| tagged.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        // Base64: three bytes in four characters.
        ("B", Value::String(text)) => text.trim_end_matches('=').len() * 3 / 4,
        ("N", Value::String(text)) => number_size(text),
        ("SS", Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(str::len).sum(),
        ("NS", Value::Array(numbers)) => numbers.iter().filter_map(Value::as_str).map(number_size).sum(),
        // Three bytes for the collection, one for each member.
        ("L", Value::Array(values)) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        ("M", Value::Object(item)) => 3 + item.len() + item_size(item),
        // BOOL and NULL.
        _ => 1,
    }
}

/// Returns about a byte for two significant digits, and one more.
fn number_size(text: &str) -> usize {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    significant.div_ceil(2) + 1 + usize::from(text.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_count() {
        let weigh = |value: Value| value.as_object().map(item_size);
        assert_eq!(weigh(serde_json::json!({"id": {"S": "acme"}})), Some(6));
        assert_eq!(weigh(serde_json::json!({"n": {"N": "1700000000123"}})), Some(1 + 8));
        assert_eq!(weigh(serde_json::json!({"n": {"N": "-5"}})), Some(1 + 3));
        assert_eq!(weigh(serde_json::json!({"b": {"B": "AAAA"}})), Some(1 + 3));
        assert_eq!(weigh(serde_json::json!({"f": {"BOOL": true}})), Some(2));
        assert_eq!(weigh(serde_json::json!({"m": {"M": {"ab": {"S": "c"}}}})), Some(1 + 3 + 1 + 3));
        assert_eq!(weigh(serde_json::json!({"l": {"L": [{"S": "c"}]}})), Some(1 + 3 + 2));
    }
}

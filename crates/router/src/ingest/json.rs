//! JSON as it comes from outside: UTF-8, nested no deeper than its readers can follow.

use cellstack_core::limits::MAX_JSON_DEPTH;
use cellstack_core::message::Members;
use cellstack_core::text::excerpt;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::invalid;
use crate::http::problem::Problem;

/// Returns the body as text that is safe to parse.
pub(super) fn text(body: &[u8]) -> Result<&str, Problem> {
    text_within(body, MAX_JSON_DEPTH)
}

/// Returns the body of a batch as text that is safe to parse: each of its events may be as deep as a single one.
pub(super) fn batch_text(body: &[u8]) -> Result<&str, Problem> {
    text_within(body, MAX_JSON_DEPTH + 1)
}

fn text_within(body: &[u8], deepest: usize) -> Result<&str, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        invalid(format!("The body must be UTF-8; byte {} is not. Encode it as UTF-8.", error.valid_up_to()))
    })?;
    if depth(text) > deepest {
        return Err(invalid(format!("The body nests deeper than {deepest} levels. Flatten it.")));
    }
    Ok(text)
}

/// Returns the members of the body's JSON object.
pub(super) fn object(text: &str) -> Result<Members<'_>, Problem> {
    if text.trim_ascii().is_empty() {
        return Err(invalid(r#"The body is empty; expected a JSON object such as {"type":"order.placed","data":{}}."#));
    }
    Members::parse(text).map_err(|error| invalid(format!("The body must be one JSON object: {error}.")))
}

/// Returns whether a content type, in lower case and without parameters, means JSON.
pub(super) fn is_type(content_type: &str) -> bool {
    matches!(content_type, "application/json" | "text/json") || content_type.ends_with("+json")
}

/// Returns the body as any JSON value, unparsed.
pub(super) fn value(text: &str) -> Result<&RawValue, Problem> {
    serde_json::from_str(text).map_err(|error| invalid(format!("The data must be JSON: {error}.")))
}

/// Parses a member's value as a `T`.
pub(super) fn member<T: DeserializeOwned>(name: &str, value: &RawValue, expected: &str) -> Result<T, Problem> {
    serde_json::from_str(value.get())
        .map_err(|_| invalid(format!("Member {name} must be {expected}; found {}.", excerpt(value.get()))))
}

/// Returns the depth to which arrays and objects nest, without brackets inside strings. It counts in text that is not
/// JSON, too, which the parser refuses later.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(r#"{"a":[[]],"b":{}}"#), 3);
        assert_eq!(depth(r#"{"a\"[[[":"[[["}"#), 1);
        assert!(text(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()).is_ok());
        assert!(text("[".repeat(65).as_bytes()).is_err());
        assert!(text("[".repeat(200_000).as_bytes()).is_err());
    }
}

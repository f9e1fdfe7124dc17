//! The partial batch response of a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>

use serde_json::Value;

/// The records that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    /// Positions in the batch, ascending, never empty.
    Failed(Vec<usize>),
    /// All, for this reason.
    WholeBatch(&'static str),
}

/// Reads a partial batch response; `position` finds the record that an identifier names.
///
/// An empty or null list, and an empty or null response, are success. An empty, null, missing or unknown identifier
/// fails the whole batch, and so does a response that is not such an object.
pub(super) fn verdict(response: &[u8], position: impl Fn(&str) -> Option<usize>) -> Verdict {
    if response.iter().all(u8::is_ascii_whitespace) {
        return Verdict::Success;
    }
    let Ok(response) = serde_json::from_slice::<Value>(response) else {
        return Verdict::WholeBatch("the response is not JSON");
    };
    let failures = match &response {
        Value::Null => return Verdict::Success,
        Value::Object(object) => match object.get("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::Success,
            Some(Value::Array(failures)) => failures,
            Some(_) => return Verdict::WholeBatch("batchItemFailures is not a list"),
        },
        _ => return Verdict::WholeBatch("the response is not an object"),
    };
    let mut positions = Vec::with_capacity(failures.len());
    for failure in failures {
        match failure.get("itemIdentifier").and_then(Value::as_str) {
            None => return Verdict::WholeBatch("an itemIdentifier is missing or null"),
            Some("") => return Verdict::WholeBatch("an itemIdentifier is empty"),
            Some(id) => match position(id) {
                Some(at) => positions.push(at),
                None => return Verdict::WholeBatch("an itemIdentifier is not in the batch"),
            },
        }
    }
    positions.sort_unstable();
    positions.dedup();
    if positions.is_empty() { Verdict::Success } else { Verdict::Failed(positions) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_rules() {
        let at = |id: &str| ["a", "b", "c"].iter().position(|known| *known == id);
        let read = |response: &str| verdict(response.as_bytes(), at);
        for success in
            ["", "null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#, r#"{"other":1}"#]
        {
            assert_eq!(read(success), Verdict::Success, "{success}");
        }
        for whole in [
            "nonsense",
            r#""ok""#,
            r#"{"batchItemFailures":"a"}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":7}]}"#,
            r#"{"batchItemFailures":[{"id":"a"}]}"#,
            r#"{"batchItemFailures":["a"]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"x"}]}"#,
        ] {
            assert!(matches!(read(whole), Verdict::WholeBatch(_)), "{whole}");
        }
        let some = r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"b"},{"itemIdentifier":"c"}]}"#;
        assert_eq!(read(some), Verdict::Failed(vec![1, 2]));
    }
}

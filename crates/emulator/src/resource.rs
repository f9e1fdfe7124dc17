//! The resources that a fault hits.

/// A resource, as the requests for it name it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resource {
    /// Any whose name or ARN contains this text.
    Containing(String),
    /// Those with one of these names, in full.
    Named(Vec<String>),
}

impl Resource {
    /// Returns whether a text (a request, a name, an ARN) is about it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Containing(part) => text.contains(part),
            Self::Named(names) => names.iter().any(|name| has_whole(text, name)),
        }
    }
}

/// Returns whether a text holds a name that does not continue at either end.
fn has_whole(text: &str, name: &str) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    let bytes = text.as_bytes();
    text.match_indices(name).any(|(at, found)| {
        !goes_on(at.checked_sub(1).and_then(|before| bytes.get(before))) && !goes_on(bytes.get(at + found.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_in_full() {
        let cell = Resource::Named(vec!["cell-a".into(), "cell-a-events".into()]);
        for text in [
            r#"{"TableName":"cell-a"}"#,
            "arn:aws:dynamodb:us-east-1:000000000000:table/cell-a/stream/2026",
            "http://127.0.0.1:4566/000000000000/cell-a-events",
            "cell-a",
            "cell-ab and cell-a",
        ] {
            assert!(cell.is_in(text), "{text}");
        }
        for text in ["cell-ab", "my-cell-a", "cell-a-2", "cell-a.fifo", "cell"] {
            assert!(!cell.is_in(text), "{text}");
        }
        assert!(Resource::Containing("cell-a".into()).is_in("cell-ab"));
    }
}

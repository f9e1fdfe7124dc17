//! An event that a caller is to send.

use serde_json::Value;

/// A type and the data of an event, as an application draws it. The simulator adds members of its own to the data: `name`,
/// `mood`, `takes_ms` and `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub(crate) event_type: String,
    /// A JSON object.
    pub(crate) data: String,
    /// Another one, for a caller that uses a name twice.
    pub(crate) other: String,
}

impl Draft {
    /// Creates an event of this type. `data` is an object; anything else counts as an empty one.
    #[must_use]
    pub fn new(event_type: impl Into<String>, data: &Value) -> Self {
        let mut object = data.as_object().cloned().unwrap_or_default();
        let data = Value::from(object.clone()).to_string();
        object.insert("changed".to_owned(), true.into());
        Self { event_type: event_type.into(), data, other: Value::from(object).to_string() }
    }
}

//! The plain form: `{"type": "order.placed", "data": {...}, "tenantid": "acme"}`.

use cellstack_core::EventType;
use cellstack_core::text::excerpt;

use super::{Draft, invalid, json};
use crate::http::problem::Problem;

/// Returns whether a body of this content type is read as the plain form. `curl -d` sends the URL-encoded type by
/// default; its body is parsed as JSON all the same.
pub(super) fn takes(content_type: &str) -> bool {
    matches!(content_type, "" | "application/json" | "text/json" | "text/plain" | "application/x-www-form-urlencoded")
        || (content_type.starts_with("application/") && content_type.ends_with("+json"))
}

pub(super) fn read(text: &str) -> Result<Draft, Problem> {
    let mut members = json::object(text)?;
    let event_type = match members.take("type") {
        Some(value) => {
            super::cloudevents::event_type("Member type", &json::member::<String>("type", value, "a string")?)?
        }
        None => return Err(missing_type()),
    };
    let data = members.take("data").map(|data| data.get().to_owned());
    let tenant = super::cloudevents::tenant(&mut members)?;
    if let Some((name, _)) = members.0.first() {
        return Err(invalid(format!(
            "Member {} is unknown; a plain event has type, data and tenantid. Put it into data, or send a CloudEvent \
             (content type application/cloudevents+json).",
            excerpt(name)
        )));
    }
    Ok(Draft { event_type, data, context: None, tenant })
}

fn missing_type() -> Problem {
    let expected: Result<EventType, _> = "".parse();
    let rule = expected.err().map(|error| error.expected).unwrap_or_default();
    invalid(format!("Member type is missing; expected {rule}, for example order.placed."))
}

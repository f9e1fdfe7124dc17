//! CloudEvents 1.0 over HTTP, structured and binary
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>).

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use cellstack_core::message::{Members, ORIGIN_ID, OWN_ATTRIBUTES};
use cellstack_core::text::excerpt;
use cellstack_core::{EventId, EventType, TenantId};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;
use serde_json::{Map, Number, Value};

use super::{Draft, header, invalid, json};
use crate::http::problem::{Kind, Problem};

/// The prefix of the header of a context attribute.
pub(super) const ATTRIBUTE_HEADER: &str = "ce-";

/// The attribute that a binary event carries in its `Content-Type`.
const DATA_CONTENT_TYPE: &str = "datacontenttype";

/// The content type of an event that names none
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#datacontenttype>).
const JSON: &str = "application/json";

/// The limit of context attributes: those that are stored must be members that a message can have.
const MAX_ATTRIBUTES: usize = 64;

/// The limit of all context attributes together, in bytes: they travel with every copy of the event.
const MAX_CONTEXT: usize = 8 * 1024;

pub(super) fn structured(text: &str) -> Result<Draft, Problem> {
    let mut members = json::object(text)?;
    if members.take("data_base64").is_some() {
        return Err(invalid("Member data_base64 is not taken: data must be JSON. Send it as data."));
    }
    let data = members.take("data").map(|data| data.get().to_owned());
    let tenant = tenant(&mut members)?;
    let mut attributes = Attributes::default();
    for (name, value) in members.0 {
        let value = json::member(&name, value, "a string, a boolean or an integer")?;
        attributes.add(&name, value)?;
    }
    attributes.into_draft(data, tenant)
}

pub(super) fn binary(headers: &HeaderMap, content_type: &str, text: &str) -> Result<Draft, Problem> {
    if !content_type.is_empty() && !json::is_type(content_type) {
        return Err(super::unsupported(content_type, "The data of a binary CloudEvent must be JSON."));
    }
    let data = match text.trim_ascii() {
        "" => None,
        text => Some(json::value(text)?.get().to_owned()),
    };
    let mut attributes = Attributes::default();
    let mut tenant = None;
    if let Some(value) =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).filter(|_| !content_type.is_empty())
    {
        attributes.add(DATA_CONTENT_TYPE, Value::String(value.to_owned()))?;
    }
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix(ATTRIBUTE_HEADER) else {
            continue;
        };
        if name == DATA_CONTENT_TYPE {
            return Err(invalid("Header ce-datacontenttype is not taken: Content-Type says it. Leave it out."));
        }
        let value = header::attribute(value).ok_or_else(|| {
            invalid(format!(
                "Header {header} must be UTF-8, percent-encoded where it is not printable ASCII, its quotes in pairs."
            ))
        })?;
        if name != "tenantid" {
            attributes.add(name, Value::String(value))?;
        } else if tenant.replace(parse_tenant("Header ce-tenantid", &value)?).is_some() {
            return Err(invalid("Header ce-tenantid is given twice."));
        }
    }
    attributes.into_draft(data, tenant)
}

/// Reads a number of any spelling, `1.0` and `1e0` included, if it is one of CloudEvents' integers.
fn integer(number: &Number) -> Option<i32> {
    match number.as_i64() {
        Some(whole) => i32::try_from(whole).ok(),
        None => number.as_f64().filter(|float| f64::from(*float as i32) == *float).map(|float| float as i32),
    }
}

/// The context attributes of an event while they are read.
#[derive(Default)]
struct Attributes(Map<String, Value>);

impl Attributes {
    fn add(&mut self, name: &str, value: Value) -> Result<(), Problem> {
        if OWN_ATTRIBUTES.contains(&name) {
            return Err(invalid(format!("Attribute {name} is set by Cellstack. Leave it out.")));
        }
        // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#attribute-naming-convention
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            let name = excerpt(name);
            return Err(invalid(format!("Attribute {name} is not a CloudEvents name: use a-z and 0-9 only.")));
        }
        // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#context-attributes
        if name == "data" {
            return Err(invalid("No attribute may be called data."));
        }
        if self.0.len() == MAX_ATTRIBUTES {
            return Err(invalid(format!("At most {MAX_ATTRIBUTES} attributes are taken. Move some into data.")));
        }
        let value = match value {
            // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system
            Value::Number(number) => integer(&number)
                .map(Value::from)
                .ok_or_else(|| invalid(format!("Attribute {name} must be an integer of 32 bits; found {number}.")))?,
            value => value,
        };
        match value {
            // "Unset" in the JSON format.
            Value::Null => return Ok(()),
            Value::Object(_) | Value::Array(_) => {
                return Err(invalid(format!("Attribute {name} must be a string, a boolean or an integer.")));
            }
            Value::String(ref text) if text.chars().any(char::is_control) => {
                return Err(invalid(format!("Attribute {name} must be without control characters.")));
            }
            value => {
                if self.0.insert(name.to_owned(), value).is_some() {
                    return Err(invalid(format!("Attribute {name} is given twice.")));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(invalid(format!("Attribute {name} must be a string; found {other}."))),
        }
    }

    fn need(&mut self, name: &str) -> Result<String, Problem> {
        let value = self.take(name)?.filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            invalid(format!("Attribute {name} is missing; CloudEvents 1.0 requires id, source, specversion and type."))
        })
    }

    fn into_draft(mut self, data: Option<String>, tenant: Option<TenantId>) -> Result<Draft, Problem> {
        let version = self.need("specversion")?;
        if version != "1.0" {
            let version = excerpt(&version);
            return Err(invalid(format!("Attribute specversion must be 1.0; found '{version}'.")));
        }
        let (id, source) = (self.need("id")?, self.need("source")?);
        let event_type = event_type("Attribute type", &self.need("type")?)?;
        let content_type = self.take(DATA_CONTENT_TYPE)?.unwrap_or_else(|| JSON.to_owned());
        self.0.insert(DATA_CONTENT_TYPE.to_owned(), Value::String(data_content_type(content_type)?));
        if let Some(time) = self.take("time")? {
            if DateTime::from_str(&time, DateTimeFormat::DateTimeWithOffset).is_err() {
                let time = excerpt(&time);
                return Err(invalid(format!("Attribute time must be RFC 3339; found '{time}'.")));
            }
            self.0.insert("time".to_owned(), Value::String(time));
        }
        for name in ["subject", "dataschema"] {
            if self.0.get(name).is_some_and(|value| value.as_str().is_none_or(str::is_empty)) {
                return Err(invalid(format!("Attribute {name} must be a string and not empty. Leave it out instead.")));
            }
        }
        self.0.insert("source".to_owned(), Value::String(source.clone()));
        Ok(Draft { event_type, data, context: Some(Context { attributes: self.0, source, id }), tenant })
    }
}

/// The context attributes of an event, all but its type.
pub(super) struct Context {
    attributes: Map<String, Value>,
    source: String,
    id: String,
}

impl Context {
    /// Returns the id of an event whose only name is its source and id.
    pub(super) fn name(&self) -> EventId {
        EventId::named(&format!("ce:{}", self.source), &self.id)
    }

    /// Returns the text that is stored with the event `id`. It keeps the caller's own id, if that is another name.
    pub(super) fn into_text(mut self, id: EventId) -> Result<String, Problem> {
        if id.to_string() != self.id {
            self.attributes.insert(ORIGIN_ID.to_owned(), Value::String(self.id));
        }
        let text = Value::Object(self.attributes).to_string();
        if text.len() <= MAX_CONTEXT {
            return Ok(text);
        }
        let found = text.len();
        Err(Problem::new(
            Kind::TooLarge,
            format!("The context attributes take {found} bytes; at most {MAX_CONTEXT} pass. Move some into data."),
        ))
    }
}

/// Reads the content type of data, which must be JSON. Types that say no more than that become one text, in any
/// spelling: a `charset` means nothing to JSON (RFC 8259, section 11), and one sender's SDK adds it in one form of an
/// event and not in the other.
fn data_content_type(found: String) -> Result<String, Problem> {
    let (essence, parameters) = found.split_once(';').unwrap_or((&found, ""));
    let essence = essence.trim().to_ascii_lowercase();
    if !json::is_type(&essence) {
        return Err(super::unsupported(&essence, "Attribute datacontenttype must be a JSON type."));
    }
    let parameters = parameters.trim().to_ascii_lowercase().replace('"', "");
    let says_no_more = essence == JSON && matches!(parameters.as_str(), "" | "charset=utf-8");
    Ok(if says_no_more { JSON.to_owned() } else { found })
}

pub(super) fn event_type(what: &str, text: &str) -> Result<EventType, Problem> {
    text.parse().map_err(|error| invalid(format!("{what}: {error}.")))
}

/// Takes the tenant out of an event's members. Both spellings are read, and must agree.
pub(super) fn tenant(members: &mut Members<'_>) -> Result<Option<TenantId>, Problem> {
    let mut found: Option<TenantId> = None;
    for name in ["tenantid", "tenant_id"] {
        let Some(value) = members.take(name) else {
            continue;
        };
        let text: String = json::member(name, value, "a string")?;
        let tenant = parse_tenant(&format!("Member {name}"), &text)?;
        if found.as_ref().is_some_and(|first| *first != tenant) {
            return Err(Problem::new(Kind::TenantMismatch, "Members tenantid and tenant_id differ. Name one tenant."));
        }
        found = Some(tenant);
    }
    Ok(found)
}

fn parse_tenant(what: &str, text: &str) -> Result<TenantId, Problem> {
    text.parse().map_err(|error| Problem::new(Kind::MissingTenant, format!("{what}: {error}.")))
}

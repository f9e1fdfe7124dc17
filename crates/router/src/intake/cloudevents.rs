//! CloudEvents 1.0 over HTTP, structured and binary
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>).

use std::borrow::Cow;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use cellstack_core::message::{Members, OWN_ATTRIBUTES};
use cellstack_core::{EventId, EventType, TenantId};
use lambda_http::http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Draft, invalid, json};
use crate::problem::{Kind, Problem};

/// All context attributes together, in bytes: they travel with every copy of the event.
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
    let json_type = matches!(content_type, "" | "application/json" | "text/json") || content_type.ends_with("+json");
    if !json_type {
        return Err(super::unsupported(content_type, "The data of a binary CloudEvent must be JSON."));
    }
    let data = match text.trim_ascii() {
        "" => None,
        text => Some(json::value(text)?.get().to_owned()),
    };
    let mut attributes = Attributes::default();
    let mut tenant = None;
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix("ce-") else {
            continue;
        };
        let value = percent_decode_str(value.to_str().unwrap_or_default())
            .decode_utf8()
            .map_err(|_| invalid(format!("Header {header} must be percent-encoded UTF-8.")))?;
        if name == "tenantid" {
            tenant = Some(parse_tenant("Header ce-tenantid", &value)?);
        } else {
            attributes.add(name, Value::String(value.into_owned()))?;
        }
    }
    attributes.into_draft(data, tenant)
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
            let name = json::shorten(name);
            return Err(invalid(format!("Attribute {name} is no CloudEvents name: use a-z and 0-9 only.")));
        }
        match value {
            // "Unset" in the JSON format.
            Value::Null => return Ok(()),
            Value::Object(_) | Value::Array(_) => {
                return Err(invalid(format!("Attribute {name} must be a string, a boolean or an integer.")));
            }
            Value::Number(ref number) if !number.is_i64() => {
                return Err(invalid(format!("Attribute {name} must be an integer; found {number}.")));
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
            let version = json::shorten(&version);
            return Err(invalid(format!("Attribute specversion must be 1.0; found '{version}'.")));
        }
        let (id, source) = (self.need("id")?, self.need("source")?);
        let event_type = event_type("Attribute type", &self.need("type")?)?;
        if let Some(content_type) = self.take("datacontenttype")? {
            let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            if essence != "application/json" && !essence.ends_with("+json") {
                return Err(super::unsupported(&essence, "Attribute datacontenttype must be a JSON type."));
            }
            self.0.insert("datacontenttype".to_owned(), Value::String(content_type));
        }
        if let Some(time) = self.take("time")? {
            if DateTime::from_str(&time, DateTimeFormat::DateTimeWithOffset).is_err() {
                let time = json::shorten(&time);
                return Err(invalid(format!("Attribute time must be RFC 3339; found '{time}'.")));
            }
            self.0.insert("time".to_owned(), Value::String(time));
        }
        let name = (format!("ce:{source}"), id);
        if EventId::named(&name.0, &name.1).to_string() != name.1 {
            self.0.insert("originid".to_owned(), Value::String(name.1.clone()));
        }
        self.0.insert("source".to_owned(), Value::String(source));
        let context = Value::Object(self.0).to_string();
        if context.len() > MAX_CONTEXT {
            return Err(Problem::new(
                Kind::TooLarge,
                format!(
                    "The context attributes take {} bytes; at most {MAX_CONTEXT} pass. Move some into data.",
                    context.len()
                ),
            ));
        }
        Ok(Draft { event_type, data, context: Some(context), name: Some(name), tenant })
    }
}

pub(super) fn event_type(what: &str, text: &str) -> Result<EventType, Problem> {
    text.parse().map_err(|error| invalid(format!("{what}: {error}.")))
}

/// Takes the tenant out of an event's members; both spellings are taken, and must agree.
pub(super) fn tenant(members: &mut Members<'_>) -> Result<Option<TenantId>, Problem> {
    let mut found: Option<TenantId> = None;
    for name in ["tenantid", "tenant_id"] {
        let Some(value) = members.take(name) else {
            continue;
        };
        let text: Cow<'_, str> = json::member::<String>(name, value, "a string")?.into();
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

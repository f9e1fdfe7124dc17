//! A reader of the events of a request, in each of the three forms of an event, or several in a batch.
//!
//! | form | recognised by | rules |
//! |---|---|---|
//! | CloudEvents, structured | content type `application/cloudevents+json` | CloudEvents 1.0 JSON format |
//! | CloudEvents, several | content type `application/cloudevents-batch+json` | CloudEvents 1.0 JSON batch format |
//! | CloudEvents, binary | a header `ce-…` | CloudEvents 1.0 HTTP binding |
//! | plain | anything else | `{"type", "data"?, "tenantid"?}` |

mod batch;
mod cloudevents;
mod header;
mod json;
mod plain;

use cellstack_core::limits::{MAX_BODY, MAX_IDEMPOTENCY_KEY, MAX_MESSAGE};
use cellstack_core::text::excerpt;
use cellstack_core::{Clock, Entropy, EventId, EventType, NewEvent, TenantId, message};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;

pub(crate) use self::batch::{is_batch, read_batch};
use self::cloudevents::Context;
use crate::http::problem::{Kind, Problem};

/// The header that names an event, so that a repeat of the request is not a second event.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The contents of a request, the same for all forms.
struct Draft {
    event_type: EventType,
    data: Option<String>,
    /// The attributes of a CloudEvent. A plain event has none.
    context: Option<Context>,
    tenant: Option<TenantId>,
}

impl Draft {
    /// Makes the event, under the name that the request gives it, else its own, else a fresh one.
    fn finish(self, key: Option<&str>, clock: &(impl Clock + Entropy)) -> Result<Ingested, Problem> {
        let Self { event_type, data, context, tenant } = self;
        let named = key.is_some() || context.is_some();
        let id = match (key, &context) {
            (Some(key), _) => EventId::named(IDEMPOTENCY_KEY, key),
            (None, Some(context)) => context.name(),
            (None, None) => EventId::fresh(clock),
        };
        let context = context.map(|context| context.into_text(id)).transpose()?;
        Ok(Ingested { event: NewEvent { id, event_type, data, context }, claimed: tenant, named })
    }
}

/// An event and the tenant its body names, if any.
#[derive(Debug)]
pub(crate) struct Ingested {
    pub(crate) event: NewEvent,
    pub(crate) claimed: Option<TenantId>,
    /// True if the caller named the event, so that it may have been sent before.
    pub(crate) named: bool,
}

/// Reads the event of a request.
pub(crate) fn read(headers: &HeaderMap, body: &[u8], clock: &(impl Clock + Entropy)) -> Result<Ingested, Problem> {
    if body.len() > MAX_BODY {
        return Err(too_large(body.len()));
    }
    let key = idempotency_key(headers)?;
    let content_type = content_type(headers);
    let draft = if content_type.starts_with("application/cloudevents") {
        if content_type != "application/cloudevents+json" && content_type != "application/cloudevents" {
            return Err(unsupported(&content_type, "Send structured CloudEvents as application/cloudevents+json."));
        }
        cloudevents::structured(json::text(body)?)?
    } else if headers.keys().any(|name| name.as_str().starts_with(cloudevents::ATTRIBUTE_HEADER)) {
        // Any `ce-` header counts, so that an event whose sender forgot `ce-specversion` is not read as a plain one.
        cloudevents::binary(headers, &content_type, json::text(body)?)?
    } else if plain::takes(&content_type) {
        plain::read(json::text(body)?)?
    } else {
        return Err(unsupported(&content_type, "Send JSON as application/json or application/cloudevents+json."));
    };
    draft.finish(key.as_deref(), clock)
}

pub(crate) fn too_large(bytes: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("The body is {bytes} bytes; at most {MAX_BODY} are taken. Send a reference to the data instead."),
    )
}

/// Refuses an event that could be accepted and then never published.
pub(crate) fn check_size(tenant: &TenantId, event: &NewEvent) -> Result<(), Problem> {
    if message::fits(tenant, event) {
        return Ok(());
    }
    let size = message::largest_size(tenant, event);
    Err(Problem::new(
        Kind::TooLarge,
        format!(
            "Published, the event may take {size} bytes; at most {MAX_MESSAGE} pass. Send a reference to the data instead."
        ),
    ))
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unsupported(content_type: &str, instead: &str) -> Problem {
    let found = excerpt(content_type);
    Problem::new(Kind::UnsupportedMediaType, format!("Found content type '{found}'. {instead}"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    // The IETF draft makes it a structured-field string, in quotes. Most callers omit them.
    let key = value.to_str().unwrap_or_default();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let visible = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if visible && matches!(key.len(), 1..=MAX_IDEMPOTENCY_KEY) {
        return Ok(Some(key.to_owned()));
    }
    Err(Problem::new(
        Kind::InvalidRequest,
        format!("Idempotency-Key must be 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters; found {}.", value.len()),
    ))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::InvalidEvent, detail)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

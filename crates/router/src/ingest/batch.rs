//! Several events in one request
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format>).

use cellstack_core::limits::{MAX_BATCH, MAX_BODY};
use cellstack_core::{Clock, Entropy};
use lambda_http::http::HeaderMap;
use serde_json::value::RawValue;

use super::{IDEMPOTENCY_KEY, Ingested, cloudevents, content_type, invalid, json, too_large, unsupported};
use crate::http::problem::{Kind, Problem};

const BATCH: &str = "application/cloudevents-batch";

/// Returns whether a request brings a batch.
pub(crate) fn is_batch(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with(BATCH)
}

/// Reads the events of a batch, in order, each on its own: an event that can't be read does not keep the others out.
///
/// # Errors
/// Fails if the request is not a batch.
pub(crate) fn read_batch(
    headers: &HeaderMap,
    body: &[u8],
    clock: &(impl Clock + Entropy),
) -> Result<Vec<Result<Ingested, Problem>>, Problem> {
    if body.len() > MAX_BODY {
        return Err(too_large(body.len()));
    }
    let content_type = content_type(headers);
    if content_type != "application/cloudevents-batch+json" && content_type != BATCH {
        return Err(unsupported(&content_type, "Send a batch of CloudEvents as application/cloudevents-batch+json."));
    }
    if headers.contains_key(IDEMPOTENCY_KEY) {
        return Err(Problem::new(
            Kind::InvalidRequest,
            "Idempotency-Key names one event; those of a batch go by their source and id. Leave it out.",
        ));
    }
    let events: Vec<&RawValue> = serde_json::from_str(json::batch_text(body)?)
        .map_err(|error| invalid(format!("The body must be a JSON array of CloudEvents: {error}.")))?;
    if events.len() > MAX_BATCH {
        let found = events.len();
        return Err(Problem::new(
            Kind::TooLarge,
            format!("The batch has {found} events; at most {MAX_BATCH} are taken. Send several batches."),
        ));
    }
    let read = |event: &&RawValue| cloudevents::structured(event.get()).and_then(|draft| draft.finish(None, clock));
    Ok(events.iter().map(read).collect())
}

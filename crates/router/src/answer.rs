//! What a call answers when nothing went wrong.

use cellstack_core::event::rfc3339;
use cellstack_core::{EventId, EventRecord, EventStatus, EventType, TenantId, TenantRoute};
use lambda_http::http::header::{CONTENT_TYPE, LOCATION};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cell::{Listed, Total};
use crate::problem::{Kind, Problem};

/// Made from the stored record alone, so that a repeat is answered the same to the byte.
pub(crate) fn accepted(record: &EventRecord, replayed: bool) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Accepted<'a> {
        id: EventId,
        r#type: &'a EventType,
        status: EventStatus,
        accepted_at: String,
    }
    let body = Accepted {
        id: record.id(),
        r#type: &record.event_type,
        status: EventStatus::Accepted,
        accepted_at: rfc3339(record.accepted_at),
    };
    let mut response = json(StatusCode::ACCEPTED, &body)?;
    let location = HeaderValue::try_from(format!("/v1/events/{}", record.id()));
    response.headers_mut().insert(LOCATION, location.map_err(|error| internal(&error))?);
    if replayed {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

pub(crate) fn event(record: &EventRecord) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Event<'a> {
        id: EventId,
        r#type: &'a EventType,
        status: EventStatus,
        accepted_at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        processed_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a RawValue>,
    }
    let body = Event {
        id: record.id(),
        r#type: &record.event_type,
        status: record.status,
        accepted_at: rfc3339(record.accepted_at),
        processed_at: record.processed_at.map(rfc3339),
        result: record.result.as_deref().map(raw).transpose()?,
        error: record.error.as_deref(),
        data: record.data.as_deref().map(raw).transpose()?,
    };
    json(StatusCode::OK, &body)
}

pub(crate) fn list(events: &[Listed], cursor: Option<String>) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Page<'a> {
        events: Vec<Line<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        id: EventId,
        r#type: &'a EventType,
        status: EventStatus,
        accepted_at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        processed_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    }
    let lines = events.iter().map(|event| Line {
        id: event.id(),
        r#type: &event.event_type,
        status: event.status,
        accepted_at: rfc3339(event.accepted_at),
        processed_at: event.processed_at.map(rfc3339),
        error: event.error.as_deref(),
    });
    json(StatusCode::OK, &Page { events: lines.collect(), cursor })
}

pub(crate) fn totals(tenant: &TenantId, totals: &[Total]) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Totals<'a> {
        tenant_id: &'a TenantId,
        totals: Vec<Line<'a>>,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'a str,
        count: &'a RawValue,
        sum: &'a RawValue,
    }
    let mut lines = Vec::with_capacity(totals.len());
    for Total { event_type, count, sum } in totals {
        lines.push(Line { r#type: event_type, count: raw(count)?, sum: raw(sum)? });
    }
    json(StatusCode::OK, &Totals { tenant_id: tenant, totals: lines })
}

pub(crate) fn route(route: &TenantRoute) -> Result<Response<Body>, Problem> {
    json(StatusCode::OK, route)
}

pub(crate) fn health() -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    json(StatusCode::OK, &Health { status: "ok" })
}

fn raw(text: &str) -> Result<&RawValue, Problem> {
    serde_json::from_str(text).map_err(|error| internal(&error))
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Problem> {
    let text = serde_json::to_string(body).map_err(|error| internal(&error))?;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "answer");
    Problem::new(
        Kind::Internal,
        "What the cell holds can't be shown. Report this answer's request id to its operators.",
    )
}

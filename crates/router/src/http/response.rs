//! The responses of operations that succeed.

use cellstack_core::event::rfc3339;
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, EventId, EventRecord, EventStatus, EventType, TenantId, TenantRoute};
use lambda_http::http::header::{CONTENT_TYPE, LOCATION};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cell::{Listed, Total};
use crate::http::problem::{Kind, Problem};

/// Makes the response from the stored record alone, so that a repeat gets the same bytes.
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

/// Lists the events. `missing` are the cells whose events are not among `events`.
pub(crate) fn list(events: &[Listed], missing: &[&CellId], cursor: Option<String>) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Page<'a> {
        events: Vec<Line<'a>>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        missing_cells: &'a [&'a CellId],
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#type: Option<&'a EventType>,
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        accepted_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        processed_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cell: Option<&'a CellId>,
    }
    let lines = events.iter().map(|Listed { id, shown, cell }| match shown {
        Ok(shown) => Line {
            id,
            r#type: Some(&shown.event_type),
            status: shown.status.as_str(),
            accepted_at: Some(rfc3339(shown.accepted_at)),
            processed_at: shown.processed_at.map(rfc3339),
            error: shown.error.as_deref(),
            cell: cell.as_ref(),
        },
        Err(error) => Line {
            id,
            r#type: None,
            status: "unreadable",
            accepted_at: None,
            processed_at: None,
            error: Some(error),
            cell: cell.as_ref(),
        },
    });
    json(StatusCode::OK, &Page { events: lines.collect(), missing_cells: missing, cursor })
}

pub(crate) fn totals(tenant: &TenantId, totals: &[Total], cursor: Option<String>) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Totals<'a> {
        tenant_id: &'a TenantId,
        totals: Vec<Line<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
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
    json(StatusCode::OK, &Totals { tenant_id: tenant, totals: lines, cursor })
}

/// The cell and the status that an event would get now.
#[derive(Serialize)]
pub(crate) struct NewEvents<'a> {
    pub(crate) cell_id: &'a CellId,
    pub(crate) status: EventStatus,
}

pub(crate) fn route(
    route: &TenantRoute,
    cell_status: Option<CellStatus>,
    new_events: Option<NewEvents<'_>>,
) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Route<'a> {
        #[serde(flatten)]
        route: &'a TenantRoute,
        #[serde(skip_serializing_if = "Option::is_none")]
        cell_status: Option<CellStatus>,
        #[serde(skip_serializing_if = "Option::is_none")]
        new_events: Option<NewEvents<'a>>,
    }
    json(StatusCode::OK, &Route { route, cell_status, new_events })
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
    tracing::error!(%error, "response");
    Problem::new(Kind::Internal, "The cell's data can't be shown. Report this response's request id to its operators.")
}

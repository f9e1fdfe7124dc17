//! The response to a request that fails: `application/problem+json` (RFC 9457).

use std::time::Duration;

use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::limits::{RETRY_AFTER, RETRY_AFTER_NO_CAPACITY};
use lambda_http::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER as RETRY_AFTER_HEADER, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;

use crate::cell::CellError;
use crate::routing::{LookupError, Unread};

/// The kinds of problem. Each one's slug is stable: callers may match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidEvent,
    InvalidRequest,
    MissingTenant,
    Unauthenticated,
    TenantMismatch,
    UnknownTenant,
    UnknownEvent,
    UnknownPath,
    MethodNotAllowed,
    IdempotencyConflict,
    TooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    HeadersTooLarge,
    Unavailable,
    BeingPlaced,
    NoCapacity,
    UnreadableEvent,
    Internal,
}

impl Kind {
    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidEvent => ("invalid-event", StatusCode::BAD_REQUEST, "The event can't be read"),
            Self::InvalidRequest => ("invalid-request", StatusCode::BAD_REQUEST, "The request can't be read"),
            Self::MissingTenant => ("missing-tenant", StatusCode::BAD_REQUEST, "The request names no valid tenant"),
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "The request does not prove whose it is")
            }
            Self::TenantMismatch => ("tenant-mismatch", StatusCode::FORBIDDEN, "The request names two tenants"),
            Self::UnknownTenant => ("unknown-tenant", StatusCode::NOT_FOUND, "The tenant is not placed in any cell"),
            Self::UnknownEvent => ("unknown-event", StatusCode::NOT_FOUND, "The tenant has no such event"),
            Self::UnknownPath => ("unknown-path", StatusCode::NOT_FOUND, "There is nothing at this path"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "The path does not take this method")
            }
            Self::IdempotencyConflict => {
                ("idempotency-conflict", StatusCode::CONFLICT, "The event's name is taken by another event")
            }
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The event is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type is not taken here")
            }
            Self::TooManyRequests => {
                ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "The tenant sends faster than its cell takes")
            }
            Self::HeadersTooLarge => (
                "headers-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request's headers are too large",
            ),
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The tenant can't be served just now")
            }
            Self::BeingPlaced => {
                ("being-placed", StatusCode::SERVICE_UNAVAILABLE, "The tenant is being placed in a cell")
            }
            Self::NoCapacity => ("no-capacity", StatusCode::SERVICE_UNAVAILABLE, "No cell has room for the tenant"),
            Self::UnreadableEvent => {
                ("unreadable-event", StatusCode::INTERNAL_SERVER_ERROR, "The stored event can't be read")
            }
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The request could not be served"),
        }
    }
}

/// A problem, and the step that the caller can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: String,
    allow: Option<&'static str>,
    /// The time after which a retry may help.
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), allow: None, retry_after: None }
    }

    fn retryable(kind: Kind, reason: impl std::fmt::Display, after: Duration) -> Self {
        let detail = format!("{reason} Send the same request again after {} s.", after.as_secs());
        Self { retry_after: Some(after), ..Self::new(kind, detail) }
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(Kind::MethodNotAllowed, format!("This path takes {allow}.")) }
    }

    /// Describes a failed call by its purpose. Its detail is for the log, since it names resources.
    fn of_aws(failure: &AwsFailure) -> Self {
        match failure.kind {
            FailureKind::Unavailable => Self::unavailable(format!("The router could not {} in time.", failure.what)),
            FailureKind::Busy => Self::unavailable(format!("The router could not {}: too busy.", failure.what)),
            FailureKind::HotPartition => Self::retryable(
                Kind::TooManyRequests,
                format!(
                    "The tenant sends or reads faster than its partition allows, so the router could not {}. Send fewer \
                     at once.",
                    failure.what,
                ),
                RETRY_AFTER,
            ),
            FailureKind::Refused => Self::new(
                Kind::Internal,
                format!("The router could not {}. Report this response's request id to its operators.", failure.what),
            ),
        }
    }

    pub(crate) fn unavailable(reason: impl std::fmt::Display) -> Self {
        Self::retryable(Kind::Unavailable, reason, RETRY_AFTER)
    }

    /// Makes an [`unavailable`](Self::unavailable) problem of a state that people set and lift.
    pub(crate) fn lasting(reason: impl std::fmt::Display, after: Duration) -> Self {
        Self::retryable(Kind::Unavailable, reason, after)
    }

    /// Describes a tenant that was seen first a moment ago.
    pub(crate) fn being_placed() -> Self {
        let reason = "The tenant is new and is being placed in a cell; the event was not accepted.";
        Self::retryable(Kind::BeingPlaced, reason, RETRY_AFTER)
    }

    /// Describes a tenant that was seen first while no cell takes new tenants.
    pub(crate) fn no_capacity() -> Self {
        let reason = "The tenant is new, and no cell has room for it; the event was not accepted.";
        Self::retryable(Kind::NoCapacity, reason, RETRY_AFTER_NO_CAPACITY)
    }

    /// Adds the advice for the caller of a `POST`, whose first try may have arrived.
    pub(crate) fn of_post(mut self) -> Self {
        if self.retry_after.is_some() {
            self.detail.push_str(" Give it an Idempotency-Key to be safe.");
        }
        self
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response<Body> {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            instance: String,
        }
        let (slug, status, title) = self.kind.parts();
        let document = Document {
            r#type: format!("urn:cellstack:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            instance: format!("urn:request:{request_id}"),
        };
        // A struct of strings and a number always serialises.
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER_HEADER, HeaderValue::from(after.as_secs()));
        }
        if self.kind == Kind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<CellError> for Problem {
    fn from(error: CellError) -> Self {
        match error {
            CellError::CircuitOpen => Self::unavailable("The tenant's cell does not respond just now."),
            CellError::Failed(failure) => Self::of_aws(&failure),
            CellError::Unreadable { event, reason } => Self::new(
                Kind::UnreadableEvent,
                format!(
                    "Event {event} is stored in a form that can't be read: {reason}. Report it to the cell's operators."
                ),
            ),
        }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::UnknownTenant(tenant) => Self::new(
                Kind::UnknownTenant,
                format!("Tenant {tenant} is not placed. Check its id, or have the operators place it in a cell."),
            ),
            LookupError::UnregisteredCell => Self::unavailable("The tenant's cell is not registered."),
            LookupError::Unread(Unread::CircuitOpen) => {
                Self::unavailable("The router can't read where the tenant lives.")
            }
            LookupError::Unread(Unread::Failed(failure)) => {
                tracing::error!(%failure, "lookup");
                Self::of_aws(&failure)
            }
        }
    }
}

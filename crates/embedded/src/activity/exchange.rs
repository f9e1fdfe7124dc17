//! Exchanges of the function URL.

use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use serde::Deserialize;

/// A request to the function URL and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request's method and path.
    pub call: String,
    /// The tenant that its header names.
    pub tenant: Option<String>,
    /// The cell that the response names.
    pub cell: Option<String>,
    /// The response's status.
    pub status: u16,
    /// The response's `x-request-id`.
    pub request_id: Option<String>,
    /// True if the response is that of an earlier request.
    pub is_replay: bool,
    /// The members of the response's document.
    pub said: Said,
    /// The time until the response.
    pub took: Duration,
}

/// The members of a response's document: an event's, or a problem's.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Said {
    /// The event's id.
    pub id: Option<String>,
    /// The event's type, or the problem's.
    pub r#type: Option<String>,
    /// The event's status, or the problem's.
    #[serde(default)]
    pub status: serde_json::Value,
    /// The problem in words.
    pub detail: Option<String>,
}

impl Exchange {
    pub(crate) fn new(request: &Request<Bytes>, response: &Response<Bytes>, took: Duration) -> Self {
        let text = |value: &hyper::header::HeaderValue| value.to_str().ok().map(ToOwned::to_owned);
        let sent = |name: &str| response.headers().get(name).and_then(text);
        Self {
            call: format!("{} {}", request.method(), request.uri().path()),
            tenant: request.headers().get("x-tenant-id").and_then(text),
            cell: sent("x-cell-id"),
            status: response.status().as_u16(),
            request_id: sent("x-request-id"),
            is_replay: response.headers().contains_key("idempotency-replayed"),
            said: serde_json::from_slice(response.body()).unwrap_or_default(),
            took,
        }
    }
}

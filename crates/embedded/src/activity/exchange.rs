//! A request to the function URL and its answer.

use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use serde::Deserialize;

/// See the module.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request's method and path.
    pub call: String,
    /// The tenant its header names.
    pub tenant: Option<String>,
    /// The cell that answered for it.
    pub cell: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// The answer's `x-request-id`.
    pub request_id: Option<String>,
    /// True if the answer is that of an earlier request.
    pub is_replay: bool,
    /// What the answer's document says.
    pub said: Said,
    /// The time it took.
    pub took: Duration,
}

/// Members of an answer's document: an event's, or a problem's.
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

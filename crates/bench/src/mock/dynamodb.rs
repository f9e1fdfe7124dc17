//! A DynamoDB that knows one tenant and one cell, accepts every write, and counts.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use serde_json::Value;

use super::item_size::item_size;
use super::server::{HttpResponse, Service, respond};

/// The tenant that is placed.
const TENANT: &str = "acme";

const ROUTE: &str = r#"{"Item":{"tenant_id":{"S":"acme"},"cell_id":{"S":"alpha"},"epoch":{"N":"1"},"state":{"S":"active"},"updated_at":{"N":"1767225600000"},"updated_by":{"S":"cellctl"}}}"#;
const CELL: &str = r#"{"Count":2,"ScannedCount":2,"Items":[{"pk":{"S":"cell#alpha"},"sk":{"S":"config"},"table":{"S":"cellstack-cell-alpha"},"region":{"S":"us-east-1"},"account":{"S":"000000000000"}},{"pk":{"S":"cell#alpha"},"sk":{"S":"state"},"status":{"S":"active"}}]}"#;

/// The calls since the last count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Calls of any kind.
    pub(crate) all: usize,
    /// Calls of `PutItem` among them.
    pub(crate) puts: usize,
    /// The largest item of a `PutItem`, in bytes.
    pub(crate) largest_item: usize,
    /// Write units of all items: one for each KiB begun.
    pub(crate) write_units: usize,
}

/// A mock of DynamoDB with one tenant in one cell, which counts its calls.
#[derive(Default)]
pub(crate) struct DynamoDb {
    noted: Mutex<Noted>,
}

/// The noted calls. Bodies are weighed on request only: to weigh them during a call would add to its time.
#[derive(Default)]
struct Noted {
    all: usize,
    puts: Vec<Bytes>,
}

impl DynamoDb {
    /// Returns the calls since the last time.
    pub(crate) fn take_calls(&self) -> Calls {
        let Noted { all, puts } = std::mem::take(&mut *self.noted());
        let mut calls = Calls { all, puts: puts.len(), ..Calls::default() };
        for bytes in puts.iter().filter_map(|body| weigh(body)) {
            calls.largest_item = calls.largest_item.max(bytes);
            calls.write_units += bytes.div_ceil(1024);
        }
        calls
    }

    fn note(&self, is_put: bool, body: &Bytes) {
        let mut noted = self.noted();
        noted.all += 1;
        if is_put {
            noted.puts.push(body.clone());
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weigh(put: &[u8]) -> Option<usize> {
    let put: Value = serde_json::from_slice(put).ok()?;
    put.get("Item").and_then(Value::as_object).map(item_size)
}

impl Service for DynamoDb {
    fn call(&self, request: Request<Incoming>) -> Pin<Box<dyn Future<Output = HttpResponse> + Send + '_>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let target = head.headers.get("x-amz-target").map(HeaderValue::as_bytes).unwrap_or_default();
            self.note(target.ends_with(b".PutItem"), &body);
            let found = if target.ends_with(b".GetItem") && holds(&body, TENANT) {
                ROUTE
            } else if target.ends_with(b".Query") {
                CELL
            } else {
                "{}"
            };
            respond(200, "application/x-amz-json-1.0", found)
        })
    }
}

/// Returns whether a body has the text as a value: callers differ in their spaces.
fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len() + 2).any(|window| {
        window.starts_with(b"\"") && window.ends_with(b"\"") && window[1..=text.len()] == *text.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_is_weighed_and_a_look_forgets() {
        let dynamodb = DynamoDb::default();
        dynamodb.note(false, &Bytes::from_static(br#"{"Key":{"tenant_id":{"S":"acme"}}}"#));
        dynamodb.note(true, &Bytes::from_static(br#"{"Item":{"tenant_id":{"S":"acme"}}}"#));
        assert_eq!(dynamodb.take_calls(), Calls { all: 2, puts: 1, largest_item: 13, write_units: 1 });
        assert_eq!(dynamodb.take_calls(), Calls::default());
        assert!(holds(br#"{"S":"acme"}"#, TENANT) && !holds(br#"{"S":"acme2"}"#, TENANT));
    }
}

//! The administrative path of a served stack's AWS endpoint, in JSON.
//!
//! `GET /_cellstack/faults` lists, `POST` adds, `DELETE` clears all, and below a fault's number that one.

use bytes::Bytes;
use cellstack_emulator::Mount;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::board::{Cleared, FaultBoard};

/// The path of the faults.
pub const PATH: &str = "/_cellstack/faults";
/// A header of each response. It distinguishes a served stack from any other AWS-compatible endpoint.
pub const HEADER: HeaderName = HeaderName::from_static("x-cellstack-local");

/// A reason for which a request was refused.
#[derive(Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The reason in words.
    pub message: String,
}

/// Puts a stack's faults below the path.
#[must_use]
pub fn mount(board: FaultBoard) -> Mount {
    Mount { prefix: "/_cellstack/", respond: Box::new(move |request| respond(&board, &request)) }
}

fn respond(board: &FaultBoard, request: &Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    if path == PATH {
        return all(board, request);
    }
    let id = path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')).and_then(|id| id.parse().ok());
    match id {
        Some(id) if request.method() == Method::DELETE => match board.clear(id) {
            Some(fault) => json(StatusCode::OK, &Cleared { cleared: vec![fault] }),
            None => refused(StatusCode::NOT_FOUND, format!("there is no fault {id}; it was cleared, or has ended")),
        },
        Some(_) => not_allowed("DELETE"),
        None => refused(StatusCode::NOT_FOUND, format!("there is nothing at {path}; the faults are at {PATH}")),
    }
}

fn all(board: &FaultBoard, request: &Request<Bytes>) -> Response<Bytes> {
    match *request.method() {
        Method::GET => json(StatusCode::OK, &board.list()),
        Method::DELETE => json(StatusCode::OK, &Cleared { cleared: board.clear_all() }),
        Method::POST => {
            let order = serde_json::from_slice(request.body()).map_err(|error| error.to_string());
            match order.and_then(|order| board.add(order)) {
                Ok(fault) => json(StatusCode::CREATED, &fault),
                Err(why) => refused(StatusCode::BAD_REQUEST, why),
            }
        }
        _ => not_allowed("GET, POST, DELETE"),
    }
}

fn not_allowed(methods: &'static str) -> Response<Bytes> {
    let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, format!("expected one of {methods}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn refused(status: StatusCode, message: String) -> Response<Bytes> {
    json(status, &Problem { message })
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Maps with names as keys: there is nothing that serde_json can't write.
    let mut text = serde_json::to_vec(body).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(HEADER, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    response
}

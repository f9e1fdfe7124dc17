//! The administrative path of a served stack's AWS endpoint, in JSON: one room for the faults, one for the cells.

mod cells;
mod faults;

use bytes::Bytes;
use cellstack_emulator::Mount;
use futures::FutureExt as _;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::cells::Cells;
use crate::faults::FaultBoard;

/// The prefix of the paths.
const PREFIX: &str = "/_cellstack/";
/// The path of the faults.
pub const FAULTS: &str = "/_cellstack/faults";
/// The path of the cells.
pub const CELLS: &str = "/_cellstack/cells";
/// A header of each response. It distinguishes a served stack from any other AWS-compatible endpoint.
pub const HEADER: HeaderName = HeaderName::from_static("x-cellstack-local");

/// A reason for which a request was refused.
#[derive(Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The reason in words.
    pub message: String,
}

/// Puts a stack's faults and cells below the path.
#[must_use]
pub(crate) fn mount(board: FaultBoard, cells: Cells) -> Mount {
    let respond = move |request| respond(board.clone(), cells.clone(), request).boxed();
    Mount { prefix: PREFIX, respond: Box::new(respond) }
}

async fn respond(board: FaultBoard, cells: Cells, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    if let Some(below) = below(FAULTS, path) {
        faults::respond(&board, &request, below)
    } else if let Some(below) = below(CELLS, path) {
        cells::respond(cells, &request, below).await
    } else {
        let message = format!("there is nothing at {path}; the faults are at {FAULTS}, and the cells are at {CELLS}");
        refused(StatusCode::NOT_FOUND, message)
    }
}

/// Returns the rest of a path in a room: empty for the room itself, otherwise the name after its slash.
fn below<'a>(room: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(room)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/').filter(|name| !name.is_empty()) }
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

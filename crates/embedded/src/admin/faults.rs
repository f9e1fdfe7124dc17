//! The faults: `GET` lists, `POST` adds, `DELETE` clears all, and below a fault's number that one.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::{json, not_allowed, refused};
use crate::faults::{Cleared, FaultBoard};

pub(super) fn respond(board: &FaultBoard, request: &Request<Bytes>, below: &str) -> Response<Bytes> {
    if below.is_empty() {
        return all(board, request);
    }
    match below.parse() {
        Ok(id) if request.method() == Method::DELETE => match board.clear(id) {
            Some(fault) => json(StatusCode::OK, &Cleared { cleared: vec![fault] }),
            None => refused(StatusCode::NOT_FOUND, format!("there is no fault {id}; it was cleared, or has ended")),
        },
        Ok(_) => not_allowed("DELETE"),
        Err(_) => refused(StatusCode::NOT_FOUND, format!("there is no fault {below}; expected a fault's number")),
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

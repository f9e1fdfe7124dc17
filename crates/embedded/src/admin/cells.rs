//! The cells: `GET` lists, `POST` adds, and `DELETE` below a cell's id removes that one.

use std::future::Future;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::{json, not_allowed, refused};
use crate::cells::{Cells, Refusal};

pub(super) async fn respond(cells: Cells, request: &Request<Bytes>, below: &str) -> Response<Bytes> {
    match (request.method(), below) {
        (&Method::GET, "") => {
            let listed = cells.list().await.map_err(Refusal::Failed);
            of(StatusCode::OK, listed)
        }
        (&Method::POST, "") => match serde_json::from_slice(request.body()) {
            Ok(order) => of(StatusCode::CREATED, to_its_end(async move { cells.add(order).await }).await),
            Err(error) => refused(StatusCode::BAD_REQUEST, error.to_string()),
        },
        (_, "") => not_allowed("GET, POST"),
        (&Method::DELETE, id) => match id.parse() {
            Ok(cell) => of(StatusCode::OK, to_its_end(async move { cells.remove(&cell).await }).await),
            Err(error) => refused(StatusCode::BAD_REQUEST, format!("{id} is not a cell's id: {error}")),
        },
        _ => not_allowed("DELETE"),
    }
}

/// Runs a change apart from its request: a caller that hangs up does not leave half a cell.
async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(change).await.unwrap_or_else(|error| Err(Refusal::Failed(error.into())))
}

fn of(status: StatusCode, done: Result<impl Serialize, Refusal>) -> Response<Bytes> {
    match done {
        Ok(body) => json(status, &body),
        Err(Refusal::Unknown(why)) => refused(StatusCode::NOT_FOUND, why),
        Err(Refusal::Conflict(why)) => refused(StatusCode::CONFLICT, why),
        Err(Refusal::Failed(error)) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}; the same command continues"))
        }
    }
}

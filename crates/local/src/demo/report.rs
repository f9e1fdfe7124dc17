//! The outcome of the samples.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use cellstack_core::EventId;
use cellstack_core::dead_letter::{DeadLetter, Place};
use hyper::Response;
use serde::Deserialize;

use super::{Expect, Journey};
use cellstack_embedded::names::CellNames;
use cellstack_embedded::serve::Served;

/// The response to a sample.
#[derive(Debug, Clone)]
pub struct SampleResponse {
    /// The HTTP status.
    pub status: u16,
    /// The id of the event it made, if it made one.
    pub event: Option<EventId>,
    /// The kind of problem that it reports, if it does.
    pub problem: Option<String>,
    /// The time it took.
    pub took: Duration,
}

/// A sample and its outcome.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its tenant.
    pub tenant: String,
    /// The cell that responded for the tenant.
    pub cell: Option<String>,
    /// The outcome that it must have.
    pub expect: Expect,
    /// The response.
    pub response: SampleResponse,
}

/// The outcome of a demo.
#[derive(Debug)]
pub struct Report {
    /// Every sample.
    pub rows: Vec<Row>,
    /// The way of every event.
    pub journeys: HashMap<EventId, Journey>,
    /// Everything that could not be delivered, with the queue that holds it.
    pub dead_letters: Vec<(String, DeadLetter)>,
    /// The outcomes that are not as they must be; empty when all is well.
    pub mismatches: Vec<String>,
}

impl SampleResponse {
    pub(super) fn read(response: &Response<Bytes>, took: Duration) -> Self {
        #[derive(Deserialize)]
        struct Body {
            id: Option<EventId>,
            r#type: Option<String>,
        }
        let body = serde_json::from_slice::<Body>(response.body()).ok();
        let status = response.status().as_u16();
        let (event, kind) = body.map_or((None, None), |body| (body.id, body.r#type));
        Self {
            status,
            event: event.filter(|_| status == 202),
            problem: kind.and_then(|kind| kind.strip_prefix("urn:cellstack:problem:").map(ToOwned::to_owned)),
            took,
        }
    }
}

/// Returns the letters in every dead-letter queue of every cell, and changes nothing in the queues.
pub(super) fn dead_letters(served: &Served) -> Vec<(String, DeadLetter)> {
    let mut found = Vec::new();
    for cell in served.stack.cells() {
        let names = CellNames::of(&cell);
        for (queue, place) in
            [(names.dlq, Place::Queue), (names.topic_dlq, Place::Topic), (names.stream_dlq, Place::Stream)]
        {
            for message in served.stack.aws().peek_queue(&queue) {
                let letter = DeadLetter::read(&message.body, place, &cell, message.receive_count, "");
                found.push((queue.clone(), letter));
            }
        }
    }
    found
}

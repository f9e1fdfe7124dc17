//! What came of the samples.

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

/// The answer to a sample.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The id of the event it made, if it made one.
    pub event: Option<EventId>,
    /// What kind of problem it told of, if it did.
    pub problem: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// A sample and what came of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub tenant: String,
    /// The cell that answered for the tenant.
    pub cell: Option<String>,
    /// What must come of it.
    pub expect: Expect,
    /// What was answered.
    pub answer: Answer,
}

/// How it all ended.
#[derive(Debug)]
pub struct Report {
    /// Every sample.
    pub rows: Vec<Row>,
    /// Every event.
    pub journeys: HashMap<EventId, Journey>,
    /// Everything that could not be delivered, with the queue it lies in.
    pub dead_letters: Vec<(String, DeadLetter)>,
    /// What ended elsewhere than it must; empty when all is well.
    pub mismatches: Vec<String>,
}

impl Answer {
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

/// What lies in every dead-letter queue of every cell; looking changes nothing.
pub(super) fn dead_letters(served: &Served) -> Vec<(String, DeadLetter)> {
    let mut found = Vec::new();
    for cell in served.stack.cells() {
        let names = CellNames::of(cell);
        for (queue, place) in
            [(names.dlq, Place::Queue), (names.topic_dlq, Place::Topic), (names.stream_dlq, Place::Stream)]
        {
            for message in served.stack.aws().peek_queue(&queue) {
                let letter = DeadLetter::read(&message.body, place, cell, message.receive_count, "");
                found.push((queue.clone(), letter));
            }
        }
    }
    found
}

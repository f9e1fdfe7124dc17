//! What came of the samples.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use cellstack_core::EventId;
use hyper::Response;
use serde::Deserialize;

use super::run::event_of_message;
use super::{Expect, Journey};
use crate::names::CellNames;
use crate::serve::Served;

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

/// What lies in a dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The queue.
    pub queue: String,
    /// The event, where the letter is one.
    pub event: Option<EventId>,
    /// How often it was received before it was given up.
    pub receives: u32,
    /// The message.
    pub body: String,
}

/// How it all ended.
#[derive(Debug)]
pub struct Report {
    /// Every sample.
    pub rows: Vec<Row>,
    /// Every event.
    pub journeys: HashMap<EventId, Journey>,
    /// Everything that could not be delivered.
    pub dead_letters: Vec<DeadLetter>,
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
pub(super) fn dead_letters(served: &Served) -> Vec<DeadLetter> {
    let mut found = Vec::new();
    for cell in served.stack.cells() {
        for queue in CellNames::of(cell).dead_letter_queues() {
            for letter in served.stack.aws().peek_queue(queue) {
                found.push(DeadLetter {
                    queue: queue.to_owned(),
                    event: event_of_message(&letter.body),
                    receives: letter.receive_count,
                    body: letter.body.to_string(),
                });
            }
        }
    }
    found
}

//! The run of a demo: it sends the samples, follows their events, and checks how each ended.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use cellstack_core::EventId;
use cellstack_core::event::EventKey;
use cellstack_emulator::Observation;
use hyper::{Request, Response};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::Instant;

use super::report::dead_letters;
use super::{Completion, Hop, Journey, Report, Row, Sample, SampleResponse};
use cellstack_embedded::client;
use cellstack_embedded::serve::Served;

/// The time that the demo waits for its events to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two looks at what happened.
const LOOK: Duration = Duration::from_millis(2);

/// An observer of the demo while it runs.
pub trait Watcher {
    /// Notes the response to a request.
    fn responded(&mut self, row: &Row);
    /// Notes that the event of `row` came further.
    fn moved(&mut self, row: &Row, journey: &Journey);
}

/// Runs the demo. It waits for `interval` between requests, so that a person can follow.
///
/// # Errors
/// When the stack can't be reached.
pub async fn run(
    served: &Served,
    samples: &[Sample],
    interval: Duration,
    watcher: &mut impl Watcher,
) -> Result<Report> {
    let mut demo = Demo {
        address: served.url,
        observations: served.stack.aws().observe(),
        rows: Vec::new(),
        journeys: HashMap::new(),
        messages: HashMap::new(),
        unsure: Vec::new(),
        watcher,
    };
    for sample in samples {
        demo.send(sample).await?;
        demo.follow(interval, |_| false).await?;
    }
    demo.follow(PATIENCE, |demo| {
        demo.rows.iter().all(|row| row.expect.ends.is_none() || demo.completion(row).is_some())
    })
    .await?;
    let mismatches = demo.mismatches();
    let (rows, journeys) = (demo.rows, demo.journeys);
    Ok(Report { rows, journeys, dead_letters: dead_letters(served), mismatches })
}

struct Demo<'a, W> {
    address: SocketAddr,
    observations: Receiver<Observation>,
    rows: Vec<Row>,
    journeys: HashMap<EventId, Journey>,
    /// The event that each queue message carries.
    messages: HashMap<String, EventId>,
    /// Events whose message is gone from the queue: the API must say whether they are processed.
    unsure: Vec<(EventId, Instant)>,
    watcher: &'a mut W,
}

impl<W: Watcher> Demo<'_, W> {
    async fn send(&mut self, sample: &Sample) -> Result<()> {
        let started = Instant::now();
        let response = client::send(self.address, sample.request()?).await.context(sample.name.clone())?;
        let responded = Instant::now();
        let row = Row {
            name: sample.name.clone(),
            tenant: sample.tenant().unwrap_or("-").to_owned(),
            cell: header(&response, "x-cell-id"),
            expect: sample.expect.clone(),
            response: SampleResponse::read(&response, responded - started),
        };
        self.watcher.responded(&row);
        if let Some(event) = row.response.event {
            let journey = self.journeys.entry(event).or_default();
            journey.start(started);
            if journey.reach(Hop::Router, responded) {
                self.watcher.moved(&row, journey);
            }
        }
        self.rows.push(row);
        Ok(())
    }

    /// Follows what happens until `done`, or for `how_long`.
    async fn follow(&mut self, how_long: Duration, done: impl Fn(&Self) -> bool) -> Result<()> {
        let until = Instant::now() + how_long;
        loop {
            loop {
                match self.observations.try_recv() {
                    Ok(observation) => self.note(observation),
                    // A missed observation shows in where the events end.
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            self.ask().await?;
            if done(self) || Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn note(&mut self, observation: Observation) {
        let now = Instant::now();
        match observation {
            Observation::StreamBatch { records, .. } => {
                for event in records.iter().filter_map(|record| event_of_record(record)) {
                    self.reach(event, Hop::Stream, now);
                }
            }
            Observation::Published { body, .. } => {
                if let Some(event) = event_of_message(&body) {
                    self.reach(event, Hop::Topic, now);
                }
            }
            Observation::Enqueued { queue, message_id, body } => {
                let Some(event) = event_of_message(&body) else { return };
                if is_dead_letter_queue(&queue) {
                    self.end(event, Completion::DeadLettered, now);
                } else {
                    self.messages.insert(message_id.to_string(), event);
                    self.reach(event, Hop::Queue, now);
                }
            }
            Observation::Received { message_id, .. } => {
                if let Some(event) = self.messages.get(&*message_id) {
                    self.reach(*event, Hop::Consumer, now);
                }
            }
            Observation::Deleted { message_id, .. } => {
                if let Some(event) = self.messages.get(&*message_id) {
                    self.unsure.push((*event, now));
                }
            }
            Observation::DeadLettered { body, .. } => {
                if let Some(event) = event_of_message(&body) {
                    self.end(event, Completion::DeadLettered, now);
                }
            }
            _ => {}
        }
    }

    fn reach(&mut self, event: EventId, hop: Hop, now: Instant) {
        let journey = self.journeys.entry(event).or_default();
        if journey.reach(hop, now) {
            self.tell(event);
        }
    }

    fn end(&mut self, event: EventId, completion: Completion, now: Instant) {
        if self.journeys.entry(event).or_default().end(completion, now) {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: EventId) {
        if let (Some(row), Some(journey)) =
            (self.rows.iter().find(|row| row.response.event == Some(event)), self.journeys.get(&event))
        {
            self.watcher.moved(row, journey);
        }
    }

    /// Asks the API for the events whose messages are gone: only it can say that they are processed.
    async fn ask(&mut self) -> Result<()> {
        for (event, gone) in std::mem::take(&mut self.unsure) {
            let Some(row) = self.rows.iter().find(|row| row.response.event == Some(event)) else {
                self.unsure.push((event, gone));
                continue;
            };
            let request = Request::get(format!("/v1/events/{event}")).header("x-tenant-id", &row.tenant);
            let response = client::send(self.address, request.body(Bytes::new())?).await?;
            #[derive(Deserialize)]
            struct Event {
                status: String,
            }
            if serde_json::from_slice::<Event>(response.body()).is_ok_and(|event| event.status == "processed") {
                self.end(event, Completion::Processed, gone);
            }
        }
        Ok(())
    }

    fn completion(&self, row: &Row) -> Option<Completion> {
        self.journeys.get(&row.response.event?)?.completion()
    }

    fn mismatches(&self) -> Vec<String> {
        let mut found = Vec::new();
        for row in &self.rows {
            let Row { name, expect, response, .. } = row;
            if response.status != expect.status {
                found.push(format!("{name}: expected status {}, found {}", expect.status, response.status));
            }
            let completion = self.completion(row);
            if expect.ends.is_some() && completion != expect.ends {
                let show = |completion: Option<Completion>| {
                    completion.map_or("nowhere".to_owned(), |completion| completion.to_string())
                };
                found.push(format!(
                    "{name}: expected its event to end {}, found {}",
                    show(expect.ends),
                    show(completion)
                ));
            }
            if let Some(first) = &expect.same_event_as {
                let first_event = self.rows.iter().find(|row| row.name == *first).map(|row| row.response.event);
                if first_event != Some(response.event) {
                    found.push(format!("{name}: expected the event of {first}, found another"));
                }
            }
        }
        found
    }
}

fn header(response: &Response<Bytes>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// Returns the event of a message, or of a letter about one.
fn event_of_message(body: &str) -> Option<EventId> {
    #[derive(Deserialize)]
    struct Named {
        id: Option<EventId>,
        event: Option<EventId>,
    }
    let named: Named = serde_json::from_str(body).ok()?;
    named.event.or(named.id)
}

fn is_dead_letter_queue(queue: &str) -> bool {
    queue.trim_end_matches(".fifo").ends_with("-dlq")
}

fn event_of_record(record: &str) -> Option<EventId> {
    let record: serde_json::Value = serde_json::from_str(record).ok()?;
    record["dynamodb"]["Keys"]["sk"]["S"].as_str()?.strip_prefix(EventKey::PREFIX)?.parse().ok()
}

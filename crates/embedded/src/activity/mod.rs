//! Activity of a served stack: requests, each event's way and every dead letter, for a watcher.
//!
//! Three sources report it: the function URL (requests and responses), a separate mapping on each cell's stream
//! (changes of events) and the embedded AWS's observations (topics, queues, functions). `sequence` brings them into the
//! order in which an event went its way.

mod exchange;
mod happening;
mod sequence;
mod table;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use anyhow::Result;
use cellstack_core::dead_letter::{DeadLetter, Place};
use cellstack_core::{CellId, Message};
use cellstack_emulator::{Aws, MappingHandle, Observation, StartingPosition};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Interval;

pub use exchange::Exchange;
pub use happening::{Happening, Subject};
use sequence::Sequence;
use table::Change;

use crate::Stack;
use crate::cells;
use crate::faults;
use crate::names::CellNames;

/// Changes that a slow watcher may fall behind by.
const CHANGES: usize = 16_384;
/// Messages on their way whose events are remembered.
const MESSAGES: usize = 20_000;
/// Interval between two checks for happenings that wait in vain.
const TICK: Duration = Duration::from_millis(50);

/// The activity of a stack. Dropping it ends its mappings.
pub struct Activity {
    exchanges: broadcast::Receiver<Exchange>,
    observations: broadcast::Receiver<Observation>,
    changes: mpsc::Receiver<Change>,
    faults: broadcast::Receiver<faults::Change>,
    cells: broadcast::Receiver<cells::Change>,
    tick: Interval,
    sequence: Sequence,
    messages: HashMap<String, Subject>,
    queues: HashMap<String, (CellId, Place)>,
    ready: VecDeque<Happening>,
    aws: Aws,
    sender: mpsc::Sender<Change>,
    mappings: HashMap<CellId, MappingHandle>,
}

impl Activity {
    /// Returns the activity of a stack from now on.
    ///
    /// # Errors
    /// When a cell's stream can't be mapped.
    pub fn of(stack: &Stack) -> Result<Self> {
        let (sender, changes) = mpsc::channel(CHANGES);
        let mut activity = Self {
            exchanges: stack.url().exchanges(),
            observations: stack.aws().observe(),
            changes,
            faults: stack.faults().changes(),
            cells: stack.cell_control().changes(),
            tick: tokio::time::interval(TICK),
            sequence: Sequence::default(),
            messages: HashMap::new(),
            queues: HashMap::new(),
            ready: VecDeque::new(),
            aws: stack.aws().clone(),
            sender,
            mappings: HashMap::new(),
        };
        for cell in stack.cells() {
            activity.watch(cell, StartingPosition::Latest)?;
        }
        Ok(activity)
    }

    fn watch(&mut self, cell: CellId, from: StartingPosition) -> Result<()> {
        let mapping = table::watch(&self.aws, &cell, from, self.sender.clone())?;
        let names = CellNames::of(&cell);
        let places = [(names.dlq, Place::Queue), (names.topic_dlq, Place::Topic), (names.stream_dlq, Place::Stream)];
        self.queues.extend(places.map(|(queue, place)| (queue, (cell.clone(), place))));
        self.mappings.insert(cell, mapping);
        Ok(())
    }

    fn cell(&mut self, change: cells::Change) {
        match &change {
            cells::Change::Added(cell) if self.mappings.contains_key(cell) => {}
            cells::Change::Added(cell) => {
                // From its beginning: events may have come before the watcher.
                if let Err(error) = self.watch(cell.clone(), StartingPosition::TrimHorizon) {
                    tracing::error!(%cell, %error, "the events of a new cell can't be shown");
                }
            }
            cells::Change::Removed(cell) => {
                self.mappings.remove(cell);
                self.queues.retain(|_, (of, _)| of != cell);
            }
        }
        self.ready.push_back(Happening::Cell(change));
    }

    /// Returns the next happening; `None` when the stack is gone.
    pub async fn next(&mut self) -> Option<Happening> {
        loop {
            if let Some(happening) = self.ready.pop_front() {
                return Some(happening);
            }
            let Self { exchanges, observations, changes, faults, cells, tick, sequence, ready, .. } = self;
            tokio::select! {
                biased;
                // A fault is reported before its effects.
                Ok(change) = faults.recv() => ready.push_back(Happening::Fault(change)),
                Ok(change) = cells.recv() => self.cell(change),
                exchange = exchanges.recv() => match exchange {
                    Ok(exchange) => sequence.exchange(exchange, ready),
                    Err(RecvError::Lagged(missed)) => ready.push_back(Happening::Missed(missed)),
                    Err(RecvError::Closed) => return None,
                },
                Some(change) = changes.recv() => sequence.change(change, ready),
                observation = observations.recv() => match observation {
                    Ok(observation) => self.observe(observation),
                    Err(RecvError::Lagged(missed)) => ready.push_back(Happening::Missed(missed)),
                    Err(RecvError::Closed) => return None,
                },
                _ = tick.tick() => sequence.overdue(ready),
            }
        }
    }

    fn observe(&mut self, observation: Observation) {
        let happening = match observation {
            Observation::Published { body, .. } => subject_of(&body).map(Happening::Published),
            Observation::Enqueued { queue, message_id, body } => {
                if self.queues.contains_key(&*queue) {
                    self.letter(&queue, &body, 1)
                } else {
                    self.remember(&message_id, &body);
                    None
                }
            }
            Observation::Received { message_id, receive_count, .. } => {
                self.messages.get(&*message_id).map(|subject| Happening::Delivered(subject.clone(), receive_count))
            }
            Observation::Deleted { message_id, .. } => {
                self.messages.remove(&*message_id);
                None
            }
            // A letter of a topic or a stream is reported when it is enqueued.
            Observation::DeadLettered { source, queue: Some(queue), body, receive_count, .. }
                if !source.starts_with("arn:") =>
            {
                self.letter(&queue, &body, receive_count)
            }
            Observation::Failed { function, error } => {
                Some(Happening::FunctionFailed { function: function.to_string(), error: error.to_string() })
            }
            _ => None,
        };
        if let Some(happening) = happening {
            self.sequence.later(happening, &mut self.ready);
        }
    }

    fn letter(&self, queue: &str, body: &str, receives: u32) -> Option<Happening> {
        let (cell, place) = self.queues.get(queue)?;
        let letter = Box::new(DeadLetter::read(body, *place, cell, receives, ""));
        Some(Happening::DeadLetter { queue: queue.to_owned(), letter })
    }

    fn remember(&mut self, message_id: &str, body: &str) {
        if self.messages.len() >= MESSAGES {
            // Rare: a queue that nobody empties. Its older deliveries are not reported then.
            self.messages.clear();
        }
        if let Some(subject) = subject_of(body) {
            self.messages.insert(message_id.to_owned(), subject);
        }
    }
}

fn subject_of(body: &str) -> Option<Subject> {
    let message = Message::decode(body).ok()?;
    Some(Subject { tenant: message.tenant.to_string(), cell: message.cell.to_string(), event: message.id })
}

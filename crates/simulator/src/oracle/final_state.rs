//! The state when a run has come to rest: every item and every letter.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use cellstack_core::cell_table::{Item, SORT_KEY, TENANT_ID, TOTAL_PREFIX};
use cellstack_core::dead_letter::{DeadLetter, Place, Reason};
use cellstack_core::event::EventKey;
use cellstack_core::fence::FENCE_PREFIX;
use cellstack_core::journal::JOURNAL_PREFIX;
use cellstack_core::mark_down::MARK_DOWN_PREFIX;
use cellstack_core::{CellId, EventId, EventRecord, EventStatus, usage};
use serde::Deserialize;

use crate::application::Partition;
use crate::application::amount::billionths;
use crate::surroundings::processor::Behaviour;
use crate::trace::{Subject, Trace};
use cellstack_embedded::Stack;
use cellstack_embedded::names::{CellNames, Ordering, tenant_map};

/// An event's item.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) cell: usize,
    pub(crate) record: EventRecord,
    /// The name among its tenant's events.
    pub(crate) name: String,
    pub(crate) behaviour: Behaviour,
}

impl Event {
    pub(crate) fn status(&self) -> EventStatus {
        self.record.status
    }

    pub(crate) fn subject(&self) -> Subject {
        (self.record.tenant_id.to_string(), self.record.id())
    }
}

/// A letter in some dead-letter queue.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) cell: usize,
    pub(crate) reason: Reason,
}

#[derive(Debug, Default)]
pub(crate) struct FinalState {
    /// Events by tenant, id and cell.
    pub(crate) events: BTreeMap<(String, EventId, usize), Event>,
    /// The items of the processor, by cell and tenant, and then by sort key.
    pub(crate) items: BTreeMap<(usize, String), BTreeMap<String, Item>>,
    /// Epoch and state of each fence shard, by cell, tenant and shard.
    pub(crate) fences: BTreeMap<(usize, String, String), (u64, String)>,
    /// Cells that know of a mark-down that has ended.
    pub(crate) ended: BTreeSet<usize>,
    /// Cell of each tenant, according to the map.
    pub(crate) routes: BTreeMap<String, String>,
    /// Letters by event. A stream mapping's note stands for those events of its batch that are still accepted.
    pub(crate) dead_letters: BTreeMap<Subject, Vec<Letter>>,
    /// Events in the usage of all cells, by tenant.
    pub(crate) usage: BTreeMap<String, u64>,
    /// Letters that name no event.
    pub(crate) anonymous: Vec<String>,
    /// Events of batches that a stream mapping discarded.
    pub(crate) discarded: BTreeSet<Subject>,
    /// Messages in queues that should be empty.
    pub(crate) left: Vec<String>,
}

/// A letter as its queue stores it.
struct Found<'a> {
    cell: usize,
    id: &'a CellId,
    place: Place,
    queue: &'a str,
    body: &'a str,
}

impl FinalState {
    pub(crate) async fn take(stack: &Stack, ordering: Ordering, trace: &Trace) -> Result<Self> {
        let mut state = Self::default();
        for item in scan(stack, &tenant_map()).await? {
            state.routes.insert(text(&item, TENANT_ID), text(&item, "cell_id"));
        }
        let ids = stack.cells();
        let cells: Vec<_> = ids.iter().map(|id| (id, CellNames::ordered(id, ordering))).collect();
        for (cell, (_, names)) in cells.iter().enumerate() {
            for item in scan(stack, &names.table).await? {
                state.item(cell, item)?;
            }
            let left = stack.aws().peek_queue(&names.events);
            state.left.extend(left.iter().map(|message| format!("{} in {}", message.message_id, names.events)));
        }
        for (cell, (id, names)) in cells.iter().enumerate() {
            for (queue, place) in
                names.dead_letter_queues().into_iter().zip([Place::Queue, Place::Topic, Place::Stream])
            {
                for letter in stack.aws().peek_queue(queue) {
                    state.letter(&Found { cell, id, place, queue, body: &letter.body }, &names.table, trace);
                }
            }
        }
        Ok(state)
    }

    fn item(&mut self, cell: usize, item: Item) -> Result<()> {
        #[derive(Deserialize)]
        struct Data {
            name: String,
            #[serde(rename = "mood")]
            behaviour: String,
        }
        if text(&item, TENANT_ID).starts_with(MARK_DOWN_PREFIX) {
            self.ended.insert(cell);
            return Ok(());
        }
        if let Some((tenant, events)) = usage::read(&item) {
            *self.usage.entry(tenant.as_str().to_owned()).or_default() += events;
            return Ok(());
        }
        let (tenant, sort_key) = (text(&item, TENANT_ID), text(&item, SORT_KEY));
        if let Some(shard) = sort_key.strip_prefix(FENCE_PREFIX) {
            let fence = (number(&item, "epoch").parse()?, text(&item, "state"));
            self.fences.insert((cell, tenant, shard.to_owned()), fence);
        } else if sort_key.starts_with(JOURNAL_PREFIX) {
            // An item that no move has cleared ends with its event.
        } else if !sort_key.starts_with(EventKey::PREFIX) {
            self.items.entry((cell, tenant)).or_default().insert(sort_key, item);
        } else {
            let record: EventRecord = serde_dynamo::from_item(item).with_context(|| sort_key.clone())?;
            let Data { name, behaviour } = serde_json::from_str(record.data.as_deref().unwrap_or("null"))?;
            let behaviour = behaviour.parse().map_err(anyhow::Error::msg)?;
            self.events.insert((tenant, record.id(), cell), Event { cell, record, name, behaviour });
        }
        Ok(())
    }

    /// Reads a letter of any form: one of ours, a message that a queue or topic moved, or a stream mapping's note.
    fn letter(&mut self, found: &Found<'_>, table: &str, trace: &Trace) {
        let letter = DeadLetter::read(found.body, found.place, found.id, 0, "");
        let (cell, reason) = (found.cell, letter.reason);
        if reason == Reason::StreamGaveUp {
            for subject in note(&letter.original, table, trace) {
                let (tenant, id) = &subject;
                let event = self.events.get(&(tenant.clone(), *id, cell));
                if event.is_some_and(|event| event.status() == EventStatus::Accepted) {
                    self.dead_letters.entry(subject.clone()).or_default().push(Letter { cell, reason });
                }
                self.discarded.insert(subject);
            }
            return;
        }
        match (&letter.tenant, letter.event) {
            (Some(tenant), Some(event)) => {
                self.dead_letters.entry((tenant.to_string(), event)).or_default().push(Letter { cell, reason });
            }
            _ => self.anonymous.push(format!("{}: {}", found.queue, found.body)),
        }
    }

    pub(crate) fn count(&self, status: EventStatus) -> usize {
        self.events.values().filter(|event| event.status() == status).count()
    }

    /// Returns the number of events that are visibly dead-lettered: failed, or accepted with a letter.
    pub(crate) fn dead(&self) -> usize {
        let is_dead = |event: &&Event| match event.status() {
            EventStatus::Failed => true,
            EventStatus::Accepted => self.dead_letters.contains_key(&event.subject()),
            _ => false,
        };
        self.events.values().filter(is_dead).count()
    }

    /// Returns whether an event is processed in some cell.
    pub(crate) fn is_processed(&self, subject: &Subject) -> bool {
        self.copies(subject).any(|event| event.status() == EventStatus::Processed)
    }

    /// Returns an event's items: one, or one per cell where it was accepted twice around a mark.
    pub(crate) fn copies(&self, (tenant, id): &Subject) -> impl Iterator<Item = &Event> {
        self.events.range((tenant.clone(), *id, 0)..=(tenant.clone(), *id, usize::MAX)).map(|(_, event)| event)
    }

    /// Returns the partitions, by cell and tenant.
    pub(crate) fn partitions(&self) -> BTreeMap<(usize, &str), Partition<'_>> {
        static NONE: BTreeMap<String, Item> = BTreeMap::new();
        let mut partitions = BTreeMap::new();
        for ((cell, tenant), items) in &self.items {
            partitions.insert((*cell, tenant.as_str()), Partition { events: Vec::new(), items });
        }
        for ((tenant, _, cell), event) in &self.events {
            let empty = Partition { events: Vec::new(), items: &NONE };
            partitions.entry((*cell, tenant.as_str())).or_insert(empty).events.push(&event.record);
        }
        partitions
    }

    /// Notes the whole state in the trace.
    pub(crate) fn note(&self, trace: &Trace) {
        for ((tenant, id, _), event) in &self.events {
            trace.note(format_args!("at rest {tenant} {id} is {} in cell {}", event.status(), event.cell));
        }
        for ((cell, tenant), items) in &self.items {
            for (sort_key, item) in items {
                trace.note(format_args!("at rest {tenant} {} in cell {cell}", described(sort_key, item)));
            }
        }
        for ((tenant, id), dead_letters) in &self.dead_letters {
            for Letter { cell, reason } in dead_letters {
                trace.note(format_args!("at rest a letter about {id} of {tenant} lies in cell {cell}: {reason}"));
            }
        }
    }
}

/// Describes an item of the processor: the same text for the same item.
fn described(sort_key: &str, item: &Item) -> String {
    if let Some(event_type) = sort_key.strip_prefix(TOTAL_PREFIX) {
        return format!("{event_type} is {}, {:?}", number(item, "count"), billionths(number(item, "sum")));
    }
    let own = item.iter().filter(|(name, _)| ![TENANT_ID, SORT_KEY].contains(&name.as_str()));
    format!("{sort_key} is {:?}", own.collect::<BTreeMap<_, _>>())
}

/// Returns the events that a stream mapping's note stands for.
fn note(note: &str, table: &str, trace: &Trace) -> Vec<Subject> {
    let note: serde_json::Value = serde_json::from_str(note).unwrap_or_default();
    let batch = &note["DDBStreamBatchInfo"];
    let position = |name: &str| batch[name].as_str().and_then(|text| text.parse::<u128>().ok());
    match (position("startSequenceNumber"), position("endSequenceNumber")) {
        (Some(first), Some(last)) => trace.streamed(table, first, last),
        _ => Vec::new(),
    }
}

async fn scan(stack: &Stack, table: &str) -> Result<Vec<Item>> {
    let mut pages = stack.dynamodb().scan().table_name(table).consistent_read(true).into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item?);
    }
    Ok(items)
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn number<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_n().ok()).map_or("", String::as_str)
}

//! What there is at the end of a run: every item and every letter.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use cellstack_core::cell_table::{Item, SORT_KEY, TENANT_ID, TOTAL_PREFIX};
use cellstack_core::fence::FENCE_PREFIX;
use cellstack_core::{EventId, EventRecord, EventStatus};
use serde_json::Value;

use crate::Stack;
use crate::names::{CellNames, Ordering, tenant_map};
use crate::simulate::trace::Trace;

/// An event's item.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) cell: usize,
    pub(crate) record: EventRecord,
    /// Its data, as far as the checks look at it.
    pub(crate) name: String,
    pub(crate) amount: Option<i128>,
    pub(crate) mood: String,
}

/// Count and sum of a type.
pub(crate) type Totals = BTreeMap<(usize, String, String), (i128, i128)>;

#[derive(Debug, Default)]
pub(crate) struct Census {
    /// By tenant, id and cell.
    pub(crate) events: BTreeMap<(String, EventId, usize), Event>,
    pub(crate) totals: Totals,
    /// Epoch and state of each fence.
    /// Epoch and state of each fence shard, by cell, tenant and shard.
    pub(crate) fences: BTreeMap<(usize, String, String), (u64, String)>,
    /// Cell of each tenant, as the map has it.
    pub(crate) routes: BTreeMap<String, String>,
    /// Events that lie in some dead-letter queue, or are named by a note in one, with the queue's cell.
    pub(crate) letters: BTreeMap<EventId, usize>,
    /// Letters that name no event.
    pub(crate) anonymous: Vec<String>,
    /// How many events were given up by a stream mapping.
    pub(crate) gave_up: BTreeSet<EventId>,
    /// What still lies in a queue that should be empty.
    pub(crate) left: Vec<String>,
}

impl Census {
    pub(crate) async fn take(stack: &Stack, ordering: Ordering, trace: &Trace) -> Result<Self> {
        let mut census = Self::default();
        for item in scan(stack, &tenant_map()).await? {
            census.routes.insert(text(&item, TENANT_ID), text(&item, "cell_id"));
        }
        for (cell, id) in stack.cells().iter().enumerate() {
            let names = CellNames::ordered(id, ordering);
            for item in scan(stack, &names.table).await? {
                census.item(cell, item)?;
            }
            for queue in names.dead_letter_queues() {
                for letter in stack.aws().peek_queue(queue) {
                    census.letter(cell, &names.table, queue, &letter.body, trace);
                }
            }
            let left = stack.aws().peek_queue(&names.events);
            census.left.extend(left.iter().map(|message| format!("{} in {}", message.message_id, names.events)));
        }
        Ok(census)
    }

    fn item(&mut self, cell: usize, item: Item) -> Result<()> {
        let (tenant, sort_key) = (text(&item, TENANT_ID), text(&item, SORT_KEY));
        if let Some(shard) = sort_key.strip_prefix(FENCE_PREFIX) {
            let fence = (number(&item, "epoch") as u64, text(&item, "state"));
            self.fences.insert((cell, tenant, shard.to_owned()), fence);
        } else if let Some(event_type) = sort_key.strip_prefix(TOTAL_PREFIX) {
            let total = (number(&item, "count"), number(&item, "sum"));
            self.totals.insert((cell, tenant, event_type.to_owned()), total);
        } else {
            let record: EventRecord = serde_dynamo::from_item(item).with_context(|| sort_key.clone())?;
            let data: Value = serde_json::from_str(record.data.as_deref().unwrap_or("null"))?;
            let string = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
            let amount = data["amount"].as_i64().map(i128::from);
            let key = (tenant, record.id(), cell);
            self.events.insert(key, Event { cell, record, name: string("name"), amount, mood: string("mood") });
        }
        Ok(())
    }

    /// Letters of any form: one of ours, a message that a queue or topic moved, a stream mapping's note.
    fn letter(&mut self, cell: usize, table: &str, queue: &str, body: &str, trace: &Trace) {
        let letter: Value = serde_json::from_str(body).unwrap_or_default();
        let batch = &letter["DDBStreamBatchInfo"];
        let position = |name: &str| batch[name].as_str().and_then(|text| text.parse::<u128>().ok());
        if let (Some(first), Some(last)) = (position("startSequenceNumber"), position("endSequenceNumber")) {
            for id in trace.streamed(table, first, last) {
                self.letters.insert(id, cell);
                self.gave_up.insert(id);
            }
            return;
        }
        let id = letter["event"].as_str().or_else(|| letter["id"].as_str());
        match id.and_then(|id| id.parse().ok()) {
            Some(id) => {
                self.letters.insert(id, cell);
            }
            None => self.anonymous.push(format!("{queue}: {body}")),
        }
    }

    pub(crate) fn count(&self, status: EventStatus) -> usize {
        self.events.values().filter(|event| event.record.status == status).count()
    }

    /// All of it, for the trace.
    pub(crate) fn note(&self, trace: &Trace) {
        for ((tenant, id, _), event) in &self.events {
            trace.note(format_args!("at the end {tenant} {id} is {} in cell {}", event.record.status, event.cell));
        }
        for ((cell, tenant, event_type), (count, sum)) in &self.totals {
            trace.note(format_args!("at the end {tenant} {event_type} is {count}, {sum} in cell {cell}"));
        }
        for (id, cell) in &self.letters {
            trace.note(format_args!("at the end a letter about {id} lies in cell {cell}"));
        }
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

fn number(item: &Item, name: &str) -> i128 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or(-1)
}

//! The rest of the copy: items that could change until no write landed any more are copied and compared.
//!
//! A processed event that was found equal in both cells can't have changed since: no code changes it in that status.
//! Every other event belongs to the rest, and so do all items of other kinds. A run that has followed the journal knows these
//! events by their keys; another run reads the source's keys and statuses once more. Each write into the destination checks in the same
//! transaction that this run still has the move.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use cellstack_aws::AwsFailure;
use cellstack_core::EventStatus;
use cellstack_core::cell_table::{Item, key};
use cellstack_core::limits::MAX_TRANSACTION;
use cellstack_core::mutation::{Mutation, is_planted};

use super::items::{are_equal, events, is_expired, is_processed, others, status};
use super::known::Key;
use super::record::Phase;
use super::steps::Steps;
use super::{Known, MoveError, Path};
use crate::item_size::bytes;
use crate::partition::{READ, accepted_at, by_key, sort_key};
use crate::transaction::{Sent, send};

const COPY: &str = "copy the rest of a tenant";

/// Bytes of one transaction, at most. DynamoDB takes 4 MB
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const TRANSACTION_BYTES: usize = 3 * 1024 * 1024;

/// The source's events that were not found processed and equal before the fence closed.
#[derive(Debug, Default)]
pub struct Rest {
    /// Their sort keys, in order.
    keys: Vec<String>,
    /// Those that were accepted or held when the source was read, the oldest first.
    pending: BTreeSet<(u64, String)>,
    /// Those that this move has frozen, by marking them `carried`.
    frozen: HashSet<String>,
    /// Events that only the destination has.
    only_there: BTreeSet<String>,
    /// The number of the source's events.
    events: u64,
}

impl Rest {
    /// Returns the number of the source's events.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Returns the number of events that are copied and compared again.
    #[must_use]
    pub const fn changed(&self) -> usize {
        self.keys.len()
    }

    /// Adds an event of the source. A frozen one names the move that froze it.
    fn add(&mut self, key: String, item: &Item, this_move: &AttributeValue) {
        match status(item) {
            Some(EventStatus::Accepted | EventStatus::Held) => {
                self.pending.insert((accepted_at(item), key.clone()));
            }
            Some(EventStatus::Carried) if item.get("carried_by") == Some(this_move) => {
                self.frozen.insert(key.clone());
            }
            _ => {}
        }
        self.keys.push(key);
    }

    /// Returns the keys of the events that were accepted or held, the oldest first.
    #[must_use]
    pub fn pending(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.pending.iter().map(|(_, key)| key.as_str())
    }
}

impl Path<'_> {
    /// Finds the rest, after the source's fence is closed.
    ///
    /// # Errors
    /// When the source can't be read.
    pub async fn rest(&self, known: &Known, steps: &Steps<'_>) -> Result<Rest, MoveError> {
        let mine = AttributeValue::S(steps.id.to_string());
        if known.is_complete() { self.followed(known, &mine).await } else { self.read_anew(known, &mine).await }
    }

    /// Reads the events that were left open, and those in the journal.
    async fn followed(&self, known: &Known, mine: &AttributeValue) -> Result<Rest, MoveError> {
        let mut keys = self.journaled().await?;
        keys.extend(known.open.iter().map(Key::to_string));
        let keys: Vec<String> = keys.into_iter().collect();
        let mut found = by_key(self.client, &self.source.table, self.tenant, &keys).await?;
        let more = keys.iter().filter(|key| !known.processed.contains(&Key::new((*key).clone()))).count();
        let mut rest = Rest {
            only_there: known.only_there.iter().map(Key::to_string).collect(),
            events: (known.processed.len() + more) as u64,
            ..Rest::default()
        };
        for key in keys {
            match found.remove(&key) {
                Some(item) => rest.add(key, &item, mine),
                // It has expired in the source. The destination may still have it.
                None => drop(rest.only_there.insert(key)),
            }
        }
        Ok(rest)
    }

    /// Reads the keys and statuses of all events.
    async fn read_anew(&self, known: &Known, mine: &AttributeValue) -> Result<Rest, MoveError> {
        let query = events(self.client, &self.source.table, self.tenant)
            .projection_expression("sk, #status, carried_by, accepted_at")
            .expression_attribute_names("#status", "status");
        let mut items = query.into_paginator().items().send();
        let (mut rest, mut unseen) = (Rest::default(), known.processed.iter().collect::<BTreeSet<_>>());
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| AwsFailure::of(READ, error))?;
            let key = sort_key(&item)?;
            rest.events += 1;
            if !(is_processed(&item) && unseen.remove(&Key::new(key.clone()))) {
                rest.add(key, &item, mine);
            }
        }
        // These were equal and have left the source. The destination may still have them.
        rest.only_there.extend(known.only_there.iter().chain(unseen).map(Key::to_string));
        Ok(rest)
    }

    /// Returns the pending events that are still accepted or held.
    ///
    /// # Errors
    /// When the source can't be read.
    pub async fn undone(&self, rest: &Rest) -> Result<Vec<String>, AwsFailure> {
        let mut pending: Vec<String> = rest.pending().map(ToOwned::to_owned).collect();
        let found = by_key(self.client, &self.source.table, self.tenant, &pending).await?;
        let is_undone = |key: &String| {
            let found = found.get(key).and_then(status);
            matches!(found, Some(EventStatus::Accepted | EventStatus::Held))
        };
        pending.retain(is_undone);
        Ok(pending)
    }

    /// Copies the rest. Safe to repeat, and safe in two runs at once: the run that no longer has the move is refused.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`], or when a table can't be read or written.
    pub async fn copy_rest(&self, rest: &Rest, steps: &Steps<'_>, now_ms: u64) -> Result<u64, MoveError> {
        let mut batch = Batch { path: self, steps, actions: Vec::new(), bytes: 0 };
        let mut copied = 0;
        for difference in self.differences(rest, now_ms).await? {
            match difference.remedy {
                Remedy::Put(item) => batch.put(item).await?,
                Remedy::Delete => batch.delete(&difference.key).await?,
                Remedy::None => continue,
            }
            copied += 1;
        }
        batch.flush().await?;
        Ok(copied)
    }

    /// Compares the rest, strongly consistent and in both directions. All other items were compared before.
    ///
    /// # Errors
    /// [`MoveError::Differ`] when anything differs, or when a table can't be read.
    pub async fn compare_rest(&self, rest: &Rest, now_ms: u64) -> Result<(), MoveError> {
        let differences = self.differences(rest, now_ms).await?;
        if differences.is_empty() {
            return Ok(());
        }
        let keys = differences.iter().map(|difference| format!("{} {}", difference.key, difference.what)).collect();
        let (from, to) = (self.source.id.clone(), self.destination.id.clone());
        Err(MoveError::Differ { tenant: self.tenant.clone(), from, to, keys })
    }

    /// Checks, before the fence closes, that the destination has no event that the source lacks. No copy explains such an event.
    ///
    /// # Errors
    /// Like [`Path::compare_rest`].
    pub async fn compare_strays(&self, known: &Known, now_ms: u64) -> Result<(), MoveError> {
        let only_there = known.only_there.iter().map(Key::to_string).collect();
        let mut strays = self.only_there(&Rest { only_there, ..Rest::default() }).await?;
        // A held one arrived since, and is carried to the source once the fence is closed.
        strays.retain(|_, item| !is_expired(item, now_ms) && status(item) != Some(EventStatus::Held));
        if strays.is_empty() {
            return Ok(());
        }
        let mut keys: Vec<String> = strays.into_keys().map(|key| format!("{key} is only in the destination")).collect();
        keys.sort_unstable();
        let (from, to) = (self.source.id.clone(), self.destination.id.clone());
        Err(MoveError::Differ { tenant: self.tenant.clone(), from, to, keys })
    }

    async fn differences(&self, rest: &Rest, now_ms: u64) -> Result<Vec<Difference>, AwsFailure> {
        let (mine, theirs) = self.both(&rest.keys).await?;
        let mut found = Vec::new();
        for key in &rest.keys {
            // DynamoDB may delete an expired item at any moment.
            let theirs = theirs.get(key).filter(|theirs| !is_expired(theirs, now_ms) || mine.get(key) == Some(*theirs));
            let mine = mine.get(key);
            let difference = if rest.frozen.contains(key) { of_frozen(theirs) } else { of_event(mine, theirs, now_ms) };
            found.extend(difference.map(|(what, remedy)| Difference { key: key.clone(), what, remedy }));
        }
        for (key, item) in self.only_there(rest).await? {
            if !is_expired(&item, now_ms) {
                found.push(Difference { key, what: "is only in the destination", remedy: Remedy::None });
            }
        }
        let (mine, mut theirs) = futures_util::future::try_join(
            others(self.client, &self.source.table, self.tenant),
            others(self.client, &self.destination.table, self.tenant),
        )
        .await?;
        for (key, mine) in mine {
            let difference = of_other(&mine, theirs.remove(&key).as_ref(), now_ms);
            found.extend(difference.map(|(what, remedy)| Difference { key, what, remedy }));
        }
        let left = theirs.into_iter().filter(|(_, item)| !is_expired(item, now_ms));
        found.extend(left.map(|(key, _)| Difference { key, what: "is left over", remedy: Remedy::Delete }));
        Ok(found)
    }

    async fn only_there(&self, rest: &Rest) -> Result<HashMap<String, Item>, AwsFailure> {
        let keys: Vec<String> = rest.only_there.iter().cloned().collect();
        let (here, mut there) = self.both(&keys).await?;
        there.retain(|key, _| !here.contains_key(key));
        Ok(there)
    }
}

/// An item that is not the same in both cells.
struct Difference {
    key: String,
    what: &'static str,
    remedy: Remedy,
}

enum Remedy {
    Put(Item),
    Delete,
    /// A person must look: the destination has something that no copy explains.
    None,
}

fn of_event(mine: Option<&Item>, theirs: Option<&Item>, now_ms: u64) -> Option<(&'static str, Remedy)> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) if are_equal(mine, theirs) => None,
        // A mark of an event that the destination gave away is nobody's event.
        (Some(mine), Some(theirs))
            if mine.get("body_sha256") != theirs.get("body_sha256") && status(theirs) != Some(EventStatus::Carried) =>
        {
            Some(("has another body in the destination", Remedy::None))
        }
        (Some(mine), _) if matches!(status(mine), None | Some(EventStatus::Accepted | EventStatus::Held)) => {
            if is_planted(Mutation::FlipBeforeDrain) {
                return None;
            }
            let remedy = if is_planted(Mutation::PendingNotCarried) { Remedy::Put(mine.clone()) } else { Remedy::None };
            Some(("is not done", remedy))
        }
        (Some(mine), None) if is_expired(mine, now_ms) => None,
        (Some(mine), Some(_)) => Some(("differs", Remedy::Put(mine.clone()))),
        (Some(mine), None) => Some(("is missing", Remedy::Put(mine.clone()))),
        (None, Some(_)) => Some(("is only in the destination", Remedy::None)),
        (None, None) => None,
    }
}

/// A frozen event is handed over as a new item, so that the destination's stream shows it. An item that the destination has kept
/// of it since it was a standby is in the way.
fn of_frozen(theirs: Option<&Item>) -> Option<(&'static str, Remedy)> {
    theirs.map(|_| ("is in the way of the event that is handed over", Remedy::Delete))
}

fn of_other(mine: &Item, theirs: Option<&Item>, now_ms: u64) -> Option<(&'static str, Remedy)> {
    match theirs {
        Some(theirs) if are_equal(mine, theirs) => None,
        None if is_expired(mine, now_ms) => None,
        Some(_) => Some(("differs", Remedy::Put(mine.clone()))),
        None => Some(("is missing", Remedy::Put(mine.clone()))),
    }
}

/// Writes into the destination, batched into transactions.
struct Batch<'a> {
    path: &'a Path<'a>,
    steps: &'a Steps<'a>,
    actions: Vec<TransactWriteItem>,
    bytes: usize,
}

impl Batch<'_> {
    async fn put(&mut self, item: Item) -> Result<(), MoveError> {
        let size = bytes(&item);
        if self.bytes + size > TRANSACTION_BYTES {
            self.flush().await?;
        }
        let put = Put::builder().table_name(&self.path.destination.table).set_item(Some(item)).build()?;
        self.bytes += size;
        self.add(TransactWriteItem::builder().put(put).build()).await
    }

    async fn delete(&mut self, sort_key: &str) -> Result<(), MoveError> {
        let delete = Delete::builder().table_name(&self.path.destination.table);
        let delete = delete.set_key(Some(key(self.path.tenant, sort_key))).build()?;
        self.add(TransactWriteItem::builder().delete(delete).build()).await
    }

    async fn add(&mut self, action: TransactWriteItem) -> Result<(), MoveError> {
        self.actions.push(action);
        // The check takes one action.
        if self.actions.len() >= MAX_TRANSACTION - 1 { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), MoveError> {
        let mut actions = std::mem::take(&mut self.actions);
        self.bytes = 0;
        if actions.is_empty() {
            return Ok(());
        }
        actions.push(self.steps.check(&[Phase::Fenced, Phase::Carrying, Phase::Drained])?);
        match send(self.path.client, COPY, &actions).await? {
            Sent::Done => Ok(()),
            Sent::Refused(_) => Err(self.steps.taken_over().await?),
        }
    }
}

//! The copy of items that can't change any more, while the source still takes events.
//!
//! A round reads both cells in the order of the keys, and writes the processed events that the destination lacks, each on
//! condition that the destination has no item of it, or only its mark `carried`. A round that is repeated, or run by two operators
//! at once, therefore changes nothing twice, and a late write changes nothing at all. Only processed events are copied: a failed one may be
//! redriven, and a carried one is about to be handed over. The copies arrive with their status, which the destination's stream
//! filter drops.
//!
//! Routers with an old route write past the tenant's journal, so sweeps read the source's keys to find their events. The last
//! sweep begins once every write goes into the journal. Later events are found in the journal, and open ones are remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{AddAssign, Bound};

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::EventStatus;
use cellstack_core::cell_table::Item;
use cellstack_core::limits::PLACE_TIMEOUT;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::items::{are_equal, events, is_expired, is_processed, status};
use super::known::Key;
use super::{Known, MoveError, Path};
use crate::RateLimit;
use crate::item_size::{bytes, units};
use crate::partition::{READ, by_key, is_busy, sort_key};

const COPY: &str = "copy an item";
/// Followed events that are read into memory at once. Each has 400 KB at most, and most have less than 1 KB.
const FOLLOWED_AT_ONCE: usize = 2_000;

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Events of the source that were examined.
    pub events: u64,
    /// Events that were copied.
    pub copied: u64,
    /// Bytes of the copied events.
    pub bytes: u64,
}

impl AddAssign for Round {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.copied += other.copied;
        self.bytes += other.bytes;
    }
}

impl Path<'_> {
    /// Copies the events that the destination lacks, and remembers those that both cells have.
    ///
    /// # Errors
    /// When a table can't be read or written. Events that were copied before stay in the destination.
    pub async fn round(
        &self,
        known: &mut Known,
        rate_limit: &RateLimit,
        now_ms: u64,
        mut done: impl FnMut(Round),
    ) -> Result<Round, MoveError> {
        let mut from = events(self.client, &self.source.table, self.tenant).into_paginator().items().send();
        let mut to = events(self.client, &self.destination.table, self.tenant).into_paginator().items().send();
        let (mut here, mut there) = (next(&mut from).await?, next(&mut to).await?);
        let (mut round, mut puts) = (Round::default(), FuturesUnordered::new());
        *known = Known::default();
        loop {
            let order = match (&here, &there) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((here, _)), Some((there, _))) => here.cmp(there),
            };
            let (mine, theirs) = (
                if order.is_le() { std::mem::replace(&mut here, next(&mut from).await?) } else { None },
                if order.is_ge() { std::mem::replace(&mut there, next(&mut to).await?) } else { None },
            );
            round.events += u64::from(mine.is_some());
            match (mine, theirs) {
                (Some((key, mine)), Some((_, theirs))) => {
                    if is_processed(&mine) && are_equal(&mine, &theirs) {
                        known.processed.insert(Key::new(key));
                    } else {
                        known.open.insert(Key::new(key));
                        if is_processed(&mine) && is_mark(&theirs) {
                            round.copied += 1;
                            round.bytes += bytes(&mine) as u64;
                            puts.push(self.put(mine, rate_limit));
                        }
                    }
                }
                (Some((key, mine)), None) => {
                    known.open.insert(Key::new(key));
                    if is_processed(&mine) && !is_expired(&mine, now_ms) {
                        round.copied += 1;
                        round.bytes += bytes(&mine) as u64;
                        puts.push(self.put(mine, rate_limit));
                    }
                }
                (None, Some((key, theirs))) if !is_expired(&theirs, now_ms) => {
                    known.only_there.insert(Key::new(key));
                }
                (None, _) => {}
            }
            if puts.len() >= rate_limit.at_once()
                && let Some(put) = puts.next().await
            {
                put?;
            }
            done(round);
        }
        while let Some(put) = puts.next().await {
            put?;
        }
        Ok(round)
    }

    /// Reads the source's keys, and notes those that are not known to be equal as open. Passes the number of keys read to `done`.
    ///
    /// # Errors
    /// When the source can't be read.
    pub async fn sweep(&self, known: &mut Known, mut done: impl FnMut(u64)) -> Result<(), MoveError> {
        let query = events(self.client, &self.source.table, self.tenant).projection_expression("sk");
        let mut keys = query.into_paginator().items().send();
        let (mut read, mut processed) = (0, BTreeSet::new());
        while let Some((key, _)) = next(&mut keys).await? {
            let key = Key::new(key);
            read += 1;
            known.only_there.remove(&key);
            match known.processed.take(&key) {
                Some(key) => drop(processed.insert(key)),
                None => drop(known.open.insert(key)),
            }
            done(read);
        }
        // These were equal and have left the source. The destination may still have them.
        known.only_there.extend(std::mem::replace(&mut known.processed, processed));
        Ok(())
    }

    /// Copies the events of the source's journal, and open ones, that have been processed since. Events that are equal in both cells
    /// leave the journal.
    ///
    /// # Errors
    /// Like [`Path::round`].
    pub async fn follow(&self, known: &mut Known, rate_limit: &RateLimit, now_ms: u64) -> Result<Round, MoveError> {
        let journal = self.journaled().await?;
        known.open.extend(journal.iter().cloned().map(Key::new));
        let mut round = Round { events: known.open.len() as u64, ..Round::default() };
        // One part at a time, since memory may not hold all of them.
        let mut from = Bound::Unbounded;
        loop {
            let part: Vec<Key> = known.open.range((from, Bound::Unbounded)).take(FOLLOWED_AT_ONCE).cloned().collect();
            let Some(last) = part.last() else { break };
            from = Bound::Excluded(last.clone());
            let keys: Vec<String> = part.iter().map(Key::to_string).collect();
            // An event that is not found stays open: the journal may show it before its table does.
            let mut mine = by_key(self.client, &self.source.table, self.tenant, &keys).await?;
            mine.retain(|_, item| is_processed(item));
            let missing = self.settle(mine.into_iter().collect(), known, &journal, rate_limit, now_ms).await?;
            round.copied += missing.len() as u64;
            round.bytes += missing.values().map(|item| bytes(item) as u64).sum::<u64>();
            let puts = missing.values().cloned().map(|item| self.put(item, rate_limit));
            stream::iter(puts).buffer_unordered(rate_limit.at_once()).try_collect::<()>().await?;
            // The copies are compared at once, without another read of the source: a processed event does not change.
            self.settle(missing, known, &journal, rate_limit, now_ms).await?;
        }
        Ok(round)
    }

    /// Compares processed events of the source with the destination. Notes those that are equal, and removes them from the journal.
    /// Returns those that the destination lacks.
    async fn settle(
        &self,
        mine: BTreeMap<String, Item>,
        known: &mut Known,
        journal: &BTreeSet<String>,
        rate_limit: &RateLimit,
        now_ms: u64,
    ) -> Result<BTreeMap<String, Item>, MoveError> {
        let keys: Vec<String> = mine.keys().cloned().collect();
        let theirs = by_key(self.client, &self.destination.table, self.tenant, &keys).await?;
        let (mut missing, mut settled) = (BTreeMap::new(), Vec::new());
        for (key, mine) in mine {
            match theirs.get(&key) {
                Some(theirs) if are_equal(&mine, theirs) => settled.push(key),
                None if !is_expired(&mine, now_ms) => drop(missing.insert(key, mine)),
                Some(theirs) if is_mark(theirs) => drop(missing.insert(key, mine)),
                _ => {}
            }
        }
        for key in settled.iter().cloned().map(Key::new) {
            known.open.remove(&key);
            known.processed.insert(key);
        }
        settled.retain(|key| journal.contains(key));
        self.clear_journal(&settled, rate_limit.at_once()).await?;
        Ok(missing)
    }

    /// Writes an item into the destination, unless that has more than a mark under its key.
    async fn put(&self, item: Item, rate_limit: &RateLimit) -> Result<(), AwsFailure> {
        rate_limit.wait(units(&item)).await;
        let put = self.client.put_item().table_name(&self.destination.table).set_item(Some(item));
        let put = put
            .condition_expression("attribute_not_exists(tenant_id) OR #status = :carried")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":carried", AttributeValue::S(EventStatus::Carried.as_str().to_owned()));
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let Err(error) = put.clone().send().await else { return Ok(()) };
            match error.code() {
                Some("ConditionalCheckFailedException") => return Ok(()),
                Some(code) if is_busy(code) && backoff.pause().await => {}
                _ => return Err(AwsFailure::of(COPY, error)),
            }
        }
    }
}

/// Returns whether an item is a mark: left of an event by a standby, or by the source of an earlier move, that gave it away.
fn is_mark(item: &Item) -> bool {
    status(item) == Some(EventStatus::Carried)
}

type Items = aws_smithy_async::future::pagination_stream::PaginationStream<
    Result<Item, aws_sdk_dynamodb::error::SdkError<aws_sdk_dynamodb::operation::query::QueryError>>,
>;

async fn next(items: &mut Items) -> Result<Option<(String, Item)>, AwsFailure> {
    let Some(item) = items.next().await else { return Ok(None) };
    let item = item.map_err(|error| AwsFailure::of(READ, error))?;
    Ok(Some((sort_key(&item)?, item)))
}

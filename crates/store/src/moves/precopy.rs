//! The copy of what can't change any more, while the source still takes events.
//!
//! A round reads both cells in the order of the keys, and writes into the destination the processed events that it lacks,
//! each on condition that it is not there, or only a mark `carried` of it: a round that is run again, or by two operators at
//! once, changes nothing twice, and one that comes late changes nothing at all. That holds for processed events only: a failed one may be redriven, and a
//! carried one is about to be handed over. The copies arrive with their status, which the destination's stream filter drops.
//!
//! Routers with an old route write past the tenant's journal, so the source's keys are read for their events. Once every write goes
//! into the journal they are read a last time. Of later events the journal knows, and those that are open are remembered.

use std::collections::BTreeSet;
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
/// Events that are read into memory at once, of those that are followed. Each has 400 KB at most, and most have less than 1.
const FOLLOWED_AT_ONCE: usize = 2_000;

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Events of the source that were looked at.
    pub events: u64,
    /// Events that were copied.
    pub copied: u64,
    /// The bytes of these.
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
    /// Copies what the destination lacks, and remembers what both have.
    ///
    /// # Errors
    /// When a table can't be read or written. What was copied until then is there.
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

    /// Reads the source's keys, and takes those that are not known as equal as open. Says how many it has read.
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
        // Those that were equal and are gone from the source: the destination is looked at, too.
        known.only_there.extend(std::mem::replace(&mut known.processed, processed));
        Ok(())
    }

    /// Copies the events that are in the source's journal or were left open, and have come to their last status since. What is
    /// found equal in both cells leaves the journal.
    ///
    /// # Errors
    /// Like [`Path::round`].
    pub async fn follow(&self, known: &mut Known, rate_limit: &RateLimit, now_ms: u64) -> Result<Round, MoveError> {
        let journal = self.journaled().await?;
        known.open.extend(journal.iter().cloned().map(Key::new));
        let mut round = Round { events: known.open.len() as u64, ..Round::default() };
        // A part at a time: there may be more than memory has room for.
        let mut from = Bound::Unbounded;
        loop {
            let part: Vec<Key> = known.open.range((from, Bound::Unbounded)).take(FOLLOWED_AT_ONCE).cloned().collect();
            let Some(last) = part.last() else { break };
            from = Bound::Excluded(last.clone());
            let keys: Vec<String> = part.iter().map(Key::to_string).collect();
            let missing = self.settle(&keys, known, &journal, rate_limit, now_ms).await?;
            round.copied += missing.len() as u64;
            round.bytes += missing.iter().map(|item| bytes(item) as u64).sum::<u64>();
            let puts =
                stream::iter(missing).map(|item| self.put(item, rate_limit)).buffer_unordered(rate_limit.at_once());
            puts.try_collect::<()>().await?;
        }
        Ok(round)
    }

    /// Takes events that are processed and equal in both cells as known, out of the journal. Returns those that the destination
    /// lacks. One that is not found stays open: the journal may show it before its table does.
    async fn settle(
        &self,
        keys: &[String],
        known: &mut Known,
        journal: &BTreeSet<String>,
        rate_limit: &RateLimit,
        now_ms: u64,
    ) -> Result<Vec<Item>, MoveError> {
        let mut mine = by_key(self.client, &self.source.table, self.tenant, keys).await?;
        mine.retain(|_, item| is_processed(item));
        let processed: Vec<String> = mine.keys().cloned().collect();
        let theirs = by_key(self.client, &self.destination.table, self.tenant, &processed).await?;
        let (mut missing, mut settled) = (Vec::new(), Vec::new());
        for (key, mine) in mine {
            match theirs.get(&key) {
                Some(theirs) if are_equal(&mine, theirs) => settled.push(key),
                None if !is_expired(&mine, now_ms) => missing.push(mine),
                Some(theirs) if is_mark(theirs) => missing.push(mine),
                _ => {}
            }
        }
        for key in settled.iter().cloned().map(Key::new) {
            known.open.remove(&key);
            known.processed.insert(key);
        }
        settled.retain(|key| journal.contains(key));
        self.clear_journal(&settled, rate_limit.at_once()).await?;
        // The order of a map differs from run to run.
        missing.sort_by_cached_key(|item| sort_key(item).unwrap_or_default());
        Ok(missing)
    }

    /// Writes an item into the destination, unless that has one of this key which is more than a mark.
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

/// Returns whether an item is what a standby, or the source of an earlier move, has left of an event that it gave away.
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

//! The way home of events that standbys hold.
//!
//! One transaction per event inserts it into its home as `accepted`, under its own id, and marks it `carried` in the
//! standby. The insert is what the home's producer publishes. An event that the home has already (its first try landed
//! there just before the cell went down) is marked only. A move may be reading the home: what is inserted is in the tenant's
//! journal, too.
//!
//! The oldest event comes first, by the time at which a router accepted it: the ids of named events are in no order.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, Select, TransactWriteItem, Update};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::cell_table::{CAME_LATER, Item, key, number};
use cellstack_core::event::EventKey;
use cellstack_core::fence::{FenceState, shard_key};
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{CellId, Epoch, EventStatus, TenantId, journal, mark_down};

use crate::partition::{KEYS_AT_ONCE, accepted_at, by_key, sort_key};

/// Events that were carried home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Events that the home did not have.
    pub new: u64,
    /// Events that the home had already.
    pub known: u64,
}

impl Carried {
    /// Returns the number of events that the standby no longer holds.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.new + self.known
    }

    /// Adds those of another tenant.
    pub const fn add(&mut self, other: Self) {
        self.new += other.new;
        self.known += other.known;
    }
}

const WHAT: &str = "carry an event home";

/// The way of a tenant's events from its standby to its home.
#[derive(Debug, Clone, Copy)]
pub struct Homeward<'a> {
    /// The client that reaches both cells.
    pub client: &'a Client,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The table of the cell that holds the events.
    pub standby: &'a str,
    /// The table of the tenant's cell.
    pub home: &'a str,
}

impl Homeward<'_> {
    /// Carries home what the standby holds, the oldest first, while the tenant is at home under this epoch: each transaction
    /// checks the fence there. The standby may still take events. A read that they come in between may miss one and show a later
    /// one, so what is carried is no later than what an earlier read has shown: the rest is for the next time. Safe to run again,
    /// also after a crash at any point, and by several operators at once.
    ///
    /// # Errors
    /// When a table can't be read or written. What was carried until then is at home.
    pub async fn carry(self, epoch: Epoch) -> Result<Carried, AwsFailure> {
        let check = self.is_at_home(epoch).map_err(unbuilt)?;
        let latest = self.oldest_first().await?.into_iter().map(|(accepted_at, _)| accepted_at).max();
        let Some(latest) = latest else { return Ok(Carried::default()) };
        let mut held = self.oldest_first().await?;
        held.retain(|(accepted_at, _)| *accepted_at <= latest);
        self.carry_all(held, &check).await
    }

    /// Returns the check that the tenant is at home: its fence there is open, in its first shard. A move closes all of them.
    fn is_at_home(self, epoch: Epoch) -> Result<TransactWriteItem, BuildError> {
        let check = ConditionCheck::builder()
            .table_name(self.home)
            .set_key(Some(key(self.tenant, shard_key(0))))
            .condition_expression("#epoch = :epoch AND #state = :open")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", number(epoch.0))
            .expression_attribute_values(":open", AttributeValue::S(FenceState::Open.as_str().to_owned()))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Carries home what a standby holds that takes no more events, the oldest first, on condition that another check holds. Once
    /// it does not hold, nothing is carried any more, and the rest stays held.
    ///
    /// # Errors
    /// Like [`Homeward::carry`].
    pub async fn carry_if(self, check: &TransactWriteItem) -> Result<Carried, AwsFailure> {
        self.carry_all(self.oldest_first().await?, check).await
    }

    async fn carry_all(self, held: Vec<(u64, String)>, check: &TransactWriteItem) -> Result<Carried, AwsFailure> {
        let keys: Vec<String> = held.into_iter().map(|(_, key)| key).collect();
        let mut carried = Carried::default();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let mut events = by_key(self.client, self.standby, self.tenant, keys).await?;
            for event in keys.iter().filter_map(|key| events.remove(key)) {
                match self.one(event, check).await? {
                    Way::New => carried.new += 1,
                    Way::Known => carried.known += 1,
                    Way::Gone => {}
                }
            }
        }
        Ok(carried)
    }

    /// Returns the times at which the held events were accepted, and their keys, in this order.
    async fn oldest_first(self) -> Result<Vec<(u64, String)>, AwsFailure> {
        let held = held_events(self.client, self.standby, self.tenant).projection_expression("sk, accepted_at");
        let mut held = held.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(event) = held.next().await {
            let event = event.map_err(|error| AwsFailure::of(WHAT, error))?;
            found.push((accepted_at(&event), sort_key(&event)?));
        }
        if !is_planted(Mutation::CarriedByKey) {
            found.sort_unstable();
        }
        Ok(found)
    }

    /// Carries one event.
    async fn one(self, event: Item, check: &TransactWriteItem) -> Result<Way, AwsFailure> {
        let Self { client, tenant, standby, home } = self;
        let sort_key = sort_key(&event)?;
        let mut accepted = event;
        accepted.insert("status".to_owned(), AttributeValue::S(EventStatus::Accepted.as_str().to_owned()));
        accepted.insert(CAME_LATER.to_owned(), AttributeValue::Bool(true));
        let journal = journal::item_of(&accepted);
        let put = Put::builder().table_name(home).set_item(Some(accepted));
        let put = put.condition_expression("attribute_not_exists(tenant_id)").build().map_err(unbuilt)?;
        let update = Update::builder()
            .table_name(standby)
            .set_key(Some(key(tenant, sort_key)))
            .update_expression("SET #status = :carried")
            .condition_expression("#status = :held")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":carried", AttributeValue::S(EventStatus::Carried.as_str().to_owned()))
            .expression_attribute_values(":held", AttributeValue::S(EventStatus::Held.as_str().to_owned()))
            .build()
            .map_err(unbuilt)?;
        let mark = TransactWriteItem::builder().update(update).build();
        let insert = TransactWriteItem::builder().put(put).build();
        let note = Put::builder().table_name(home).set_item(journal).build().map_err(unbuilt)?;
        let note = TransactWriteItem::builder().put(note).build();
        let (mut actions, mut way) = (vec![mark.clone(), insert, note], Way::New);
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let all = actions.iter().chain([check]).cloned().collect();
            let sent = client.transact_write_items().set_transact_items(Some(all)).send().await;
            let Err(error) = sent else { return Ok(way) };
            match cancellation(&error) {
                Some([marked, ..]) if is_refused(marked) => return Ok(Way::Gone),
                Some([.., checked]) if is_refused(checked) => return Ok(Way::Gone),
                Some([_, inserted, ..]) if way == Way::New && is_refused(inserted) => {
                    (actions, way) = (vec![mark.clone()], Way::Known);
                }
                Some(reasons) if reasons.iter().all(is_transient) && backoff.pause().await => {}
                _ => return Err(AwsFailure::of(WHAT, error)),
            }
        }
    }
}

/// Notes in a standby's table that a cell's mark-down has ended: from then on no router holds an event there by that mark. A write that was
/// decided before may still land, for as long as a write takes. Safe to run again.
///
/// # Errors
/// When the table can't be written.
pub async fn note_end(
    client: &Client,
    standby: &str,
    cell: &CellId,
    down_at: u64,
    now_ms: u64,
) -> Result<(), AwsFailure> {
    let put = client.put_item().table_name(standby).set_item(Some(mark_down::item(cell, down_at, now_ms)));
    put.send().await.map_err(|error| AwsFailure::of("note that a mark-down has ended", error))?;
    Ok(())
}

/// Counts the events that a standby holds for a tenant.
///
/// # Errors
/// When the table can't be read.
pub async fn held(client: &Client, standby: &str, tenant: &TenantId) -> Result<u64, AwsFailure> {
    let mut pages = held_events(client, standby, tenant).select(Select::Count).into_paginator().send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsFailure::of("count the events that a standby holds", error))?;
        count += u64::try_from(page.count).unwrap_or_default();
    }
    Ok(count)
}

/// Begins a query for the events that a standby holds for a tenant, strongly consistent, in the order of their ids.
#[must_use]
pub fn held_events(client: &Client, standby: &str, tenant: &TenantId) -> QueryFluentBuilder {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    client
        .query()
        .table_name(standby)
        .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
        .filter_expression("#status = :held")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":tenant", text(tenant.as_str()))
        .expression_attribute_values(":event", text(EventKey::PREFIX))
        .expression_attribute_values(":held", text(EventStatus::Held.as_str()))
        .consistent_read(true)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    New,
    Known,
    /// Another operator carried it, or the check did not hold.
    Gone,
}

fn unbuilt(error: BuildError) -> AwsFailure {
    AwsFailure::unreadable(WHAT, error.to_string())
}

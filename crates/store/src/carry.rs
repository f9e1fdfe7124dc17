//! The way home of events that standbys hold.
//!
//! One transaction per event inserts it into its home as `accepted`, under its own id, and marks it `carried` in the
//! standby. The insert is what the home's producer publishes. An event that the home has already (its first try landed
//! there just before the cell went down) is marked only. A move may be reading the home: what is inserted is in the tenant's
//! journal, too.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, Select, TransactWriteItem, Update};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::cell_table::{Item, SORT_KEY, key};
use cellstack_core::event::EventKey;
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::{EventStatus, TenantId, journal};

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

/// Carries home what a standby holds for a tenant, in the order of the events' ids. Safe to run again, also after a crash
/// at any point, and by several operators at once.
///
/// # Errors
/// When a table can't be read or written. What was carried until then is at home.
pub async fn carry(client: &Client, standby: &str, home: &str, tenant: &TenantId) -> Result<Carried, AwsFailure> {
    carry_if(client, standby, home, tenant, None).await
}

/// Carries home like [`carry`], each event on condition that a check holds: it is part of each transaction. Once it does
/// not hold, nothing is carried any more, and the rest stays held.
///
/// # Errors
/// Like [`carry`].
pub async fn carry_if(
    client: &Client,
    standby: &str,
    home: &str,
    tenant: &TenantId,
    check: Option<&TransactWriteItem>,
) -> Result<Carried, AwsFailure> {
    let mut held = held_events(client, standby, tenant).into_paginator().items().send();
    let mut carried = Carried::default();
    while let Some(event) = held.next().await {
        let event = event.map_err(|error| AwsFailure::of(WHAT, error))?;
        match one(client, (standby, home), tenant, event, check).await? {
            Way::New => carried.new += 1,
            Way::Known => carried.known += 1,
            Way::Gone => {}
        }
    }
    Ok(carried)
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

async fn one(
    client: &Client,
    (standby, home): (&str, &str),
    tenant: &TenantId,
    event: Item,
    check: Option<&TransactWriteItem>,
) -> Result<Way, AwsFailure> {
    let unbuilt = |error: aws_sdk_dynamodb::error::BuildError| AwsFailure::unreadable(WHAT, error.to_string());
    let Some(sort_key) = event.get(SORT_KEY).and_then(|key| key.as_s().ok()).cloned() else {
        return Err(AwsFailure::unreadable(WHAT, format!("an event of {tenant} without a sort key")));
    };
    let mut accepted = event;
    accepted.insert("status".to_owned(), AttributeValue::S(EventStatus::Accepted.as_str().to_owned()));
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
        let all = actions.iter().chain(check).cloned().collect();
        let sent = client.transact_write_items().set_transact_items(Some(all)).send().await;
        let Err(error) = sent else { return Ok(way) };
        match cancellation(&error) {
            Some([marked, ..]) if is_refused(marked) => return Ok(Way::Gone),
            Some([.., checked]) if check.is_some() && is_refused(checked) => return Ok(Way::Gone),
            Some([_, inserted, ..]) if way == Way::New && is_refused(inserted) => {
                (actions, way) = (vec![mark.clone()], Way::Known);
            }
            Some(reasons) if reasons.iter().all(is_transient) && backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error)),
        }
    }
}

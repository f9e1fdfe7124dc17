//! A tenant's items in one cell: read in the order of their keys, and compared.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, Select};
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::Item;
use cellstack_core::event::EventKey;
use cellstack_core::fence::FENCE_PREFIX;
use cellstack_core::journal::JOURNAL_PREFIX;
use cellstack_core::{EventStatus, TenantId};

use super::Path;
use crate::partition::{self, READ, by_key, sort_key};

/// The first text behind all texts that begin with [`EventKey::PREFIX`].
const BEHIND_EVENTS: &str = "event$";
/// The first text behind all texts that begin with [`JOURNAL_PREFIX`].
const BEHIND_JOURNAL: &str = "journal$";

/// The size of a tenant in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// The number of its items.
    pub items: u64,
    /// The number of its events that have failed: a redrive may change them.
    pub failed: u64,
    /// The bytes of its items, to the 4 KiB that a read unit takes; 0 where the service does not report it.
    pub bytes: u64,
}

/// Counts a tenant's items in a cell, strongly consistent. Reads all of them.
///
/// # Errors
/// When the table can't be read.
pub async fn size(client: &Client, table: &str, tenant: &TenantId) -> Result<Size, AwsFailure> {
    let query = partition::items(client, table, tenant)
        .select(Select::Count)
        .filter_expression("#status = :failed")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":failed", AttributeValue::S(EventStatus::Failed.as_str().to_owned()));
    let mut pages = query.return_consumed_capacity(ReturnConsumedCapacity::Total).into_paginator().send();
    let mut size = Size::default();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsFailure::of(READ, error))?;
        // The filter leaves out neither what was scanned nor what that costs.
        size.items += u64::try_from(page.scanned_count).unwrap_or_default();
        size.failed += u64::try_from(page.count).unwrap_or_default();
        let units = page.consumed_capacity.and_then(|used| used.capacity_units).unwrap_or_default();
        // A read unit is 4 KiB, strongly consistent. No tenant has so many that the fraction matters.
        size.bytes += (units * 4_096.0) as u64;
    }
    Ok(size)
}

/// Counts the items of a tenant that a move copies while callers wait, however old they are: its totals, and what else a
/// processor keeps.
///
/// # Errors
/// When the table can't be read.
pub async fn kept_beside_events(client: &Client, table: &str, tenant: &TenantId) -> Result<usize, AwsFailure> {
    others(client, table, tenant).await.map(|found| found.len())
}

/// Begins a query for a tenant's events, in the order of their keys.
pub(super) fn events(client: &Client, table: &str, tenant: &TenantId) -> QueryFluentBuilder {
    partition::items(client, table, tenant)
        .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
        .expression_attribute_values(":event", AttributeValue::S(EventKey::PREFIX.to_owned()))
}

/// Reads all items of a tenant that are neither events, nor its fence or journal: totals, and what else a processor keeps.
pub(super) async fn others(
    client: &Client,
    table: &str,
    tenant: &TenantId,
) -> Result<HashMap<String, Item>, AwsFailure> {
    let mut found = HashMap::new();
    let bound = |bound: &str| AttributeValue::S(bound.to_owned());
    let ranges = [
        ("sk < :bound", EventKey::PREFIX, None),
        ("sk BETWEEN :bound AND :last", BEHIND_EVENTS, Some(JOURNAL_PREFIX)),
        ("sk >= :bound", BEHIND_JOURNAL, None),
    ];
    for (condition, first, last) in ranges {
        let mut query = partition::items(client, table, tenant)
            .key_condition_expression(format!("tenant_id = :tenant AND {condition}"))
            .expression_attribute_values(":bound", bound(first));
        if let Some(last) = last {
            query = query.expression_attribute_values(":last", bound(last));
        }
        let mut items = query.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| AwsFailure::of(READ, error))?;
            let key = sort_key(&item)?;
            if !key.starts_with(FENCE_PREFIX) {
                found.insert(key, item);
            }
        }
    }
    Ok(found)
}

impl Path<'_> {
    /// Reads items by their sort keys from the source and from the destination, strongly consistent.
    pub(super) async fn both(
        &self,
        keys: &[String],
    ) -> Result<(HashMap<String, Item>, HashMap<String, Item>), AwsFailure> {
        futures_util::future::try_join(
            by_key(self.client, &self.source.table, self.tenant, keys),
            by_key(self.client, &self.destination.table, self.tenant, keys),
        )
        .await
    }
}

/// Returns an event's status; `None` if it has none that this version knows.
pub(super) fn status(item: &Item) -> Option<EventStatus> {
    let status = item.get("status")?.as_s().ok()?;
    let all =
        [EventStatus::Accepted, EventStatus::Held, EventStatus::Processed, EventStatus::Failed, EventStatus::Carried];
    all.into_iter().find(|known| known.as_str() == status)
}

/// Returns whether an event is processed. No code changes one that is.
pub(super) fn is_processed(item: &Item) -> bool {
    status(item) == Some(EventStatus::Processed)
}

/// Returns whether DynamoDB may delete the item by itself: its time to live is over.
pub(super) fn is_expired(item: &Item, now_ms: u64) -> bool {
    let expires_at: Option<u64> = item.get("expires_at").and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok());
    expires_at.is_some_and(|at| at <= now_ms / 1_000)
}

/// Returns whether two items are equal. The members of a set have no order.
pub(super) fn are_equal(one: &Item, other: &Item) -> bool {
    one.len() == other.len() && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
}

fn same(one: &AttributeValue, other: &AttributeValue) -> bool {
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort_unstable();
        texts
    };
    match (one, other) {
        (AttributeValue::Ss(one), AttributeValue::Ss(other)) | (AttributeValue::Ns(one), AttributeValue::Ns(other)) => {
            sorted(one) == sorted(other)
        }
        (AttributeValue::M(one), AttributeValue::M(other)) => are_equal(one, other),
        (AttributeValue::L(one), AttributeValue::L(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}

//! Reading one event, and the totals.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::aws::AwsFailure;
use cellstack_core::cell_table::{Item, SORT_KEY, TOTAL_PREFIX, key};
use cellstack_core::event::EventKey;
use cellstack_core::{Ambient, EventId, EventRecord, TenantId};
use serde::de::DeserializeOwned;

use super::Cell;
use crate::problem::Problem;

pub(super) const READ: &str = "read the tenant's cell";

/// One item of the reference projection.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) event_type: String,
    /// Numbers stay text on their way: a sum is an exact decimal of up to 38 digits.
    pub(crate) count: String,
    pub(crate) sum: String,
}

impl Total {
    fn of(item: &Item) -> Option<Self> {
        let event_type = item.get(SORT_KEY)?.as_s().ok()?.strip_prefix(TOTAL_PREFIX)?.to_owned();
        let number = |name| item.get(name)?.as_n().ok().cloned();
        Some(Self { event_type, count: number("count")?, sum: number("sum")? })
    }
}

impl<A: Ambient> Cell<A> {
    pub(crate) async fn event(&self, tenant: &TenantId, id: EventId) -> Result<Option<EventRecord>, Problem> {
        self.call(READ, async {
            let answer = self
                .client
                .get_item()
                .table_name(&self.table)
                .set_key(Some(key(tenant, EventKey(id).to_string())))
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| AwsFailure::of(READ, error))?;
            answer.item.map(record).transpose()
        })
        .await
    }

    pub(crate) async fn totals(&self, tenant: &TenantId) -> Result<Vec<Total>, Problem> {
        self.call(READ, async {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :total)")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
                .expression_attribute_values(":total", AttributeValue::S(TOTAL_PREFIX.to_owned()))
                .consistent_read(true)
                .into_paginator()
                .items()
                .send();
            let mut totals = Vec::new();
            while let Some(item) = pages.next().await {
                let item = item.map_err(|error| AwsFailure::of(READ, error))?;
                totals.push(Total::of(&item).ok_or_else(|| AwsFailure::unreadable(READ, format!("total {item:?}")))?);
            }
            Ok(totals)
        })
        .await
    }
}

pub(super) fn record<T: DeserializeOwned>(item: Item) -> Result<T, AwsFailure> {
    serde_dynamo::from_item(item).map_err(|error| AwsFailure::unreadable(READ, error.to_string()))
}

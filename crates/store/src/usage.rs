//! The usage of a cell: its reader, and its end for a tenant that is erased.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::usage::{self, Usage};

const READ: &str = "read a cell's usage";

/// Adds the events of a cell on the last days, today included, to `usage`: one query per day.
///
/// # Errors
/// When the table can't be read, or has an item of another form there.
pub async fn add(client: &Client, table: &str, now_ms: u64, days: u8, usage: &mut Usage) -> Result<(), AwsFailure> {
    for partition in usage::partitions(now_ms, days) {
        let query = client
            .query()
            .table_name(table)
            .key_condition_expression("tenant_id = :day")
            .expression_attribute_values(":day", AttributeValue::S(partition));
        let mut items = query.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| AwsFailure::of(READ, error))?;
            let (tenant, events) = usage::read(&item)
                .ok_or_else(|| AwsFailure::unreadable(READ, format!("an item of {table} of another form: {item:?}")))?;
            *usage.entry(tenant).or_default() += events;
        }
    }
    Ok(())
}

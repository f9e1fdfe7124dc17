//! A tenant's journal, as a move reads it and clears it.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::TenantId;
use cellstack_core::cell_table::key;
use cellstack_core::journal::{JOURNAL_PREFIX, event_key, key_of};
use cellstack_core::limits::PLACE_TIMEOUT;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Path;
use crate::partition::{self, READ, is_busy, sort_key};

const CLEAR: &str = "clear a tenant's journal";
/// Writes of one `BatchWriteItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>).
const WRITES_AT_ONCE: usize = 25;

/// Reads the sort keys of a tenant's journal in a cell, strongly consistent.
pub(super) async fn journal(client: &Client, table: &str, tenant: &TenantId) -> Result<Vec<String>, AwsFailure> {
    let query = partition::items(client, table, tenant)
        .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :journal)")
        .expression_attribute_values(":journal", AttributeValue::S(JOURNAL_PREFIX.to_owned()))
        .projection_expression("sk");
    let mut items = query.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(item) = items.next().await {
        found.push(sort_key(&item.map_err(|error| AwsFailure::of(READ, error))?)?);
    }
    found.retain(|key| event_key(key).is_some());
    Ok(found)
}

impl Path<'_> {
    /// Reads the sort keys of the events that are in the source's journal.
    pub(super) async fn journaled(&self) -> Result<BTreeSet<String>, AwsFailure> {
        let keys = journal(self.client, &self.source.table, self.tenant).await?;
        Ok(keys.iter().filter_map(|key| event_key(key)).collect())
    }

    /// Removes events from the source's journal: they are processed, and stay equal in both cells. Safe at any time, even long
    /// after the move has ended, since no event is accepted twice under one key. Items that a busy table does not delete stay, and
    /// are read again.
    pub(super) async fn clear_journal(&self, event_keys: &[String], at_once: usize) -> Result<(), AwsFailure> {
        let batches = event_keys.chunks(WRITES_AT_ONCE).map(|keys| self.clear(keys));
        stream::iter(batches).buffer_unordered(at_once).try_collect().await
    }

    async fn clear(&self, event_keys: &[String]) -> Result<(), AwsFailure> {
        let mut left = Vec::with_capacity(event_keys.len());
        for sort_key in event_keys.iter().filter_map(|event_key| key_of(event_key)) {
            let delete = DeleteRequest::builder().set_key(Some(key(self.tenant, sort_key))).build();
            let delete = delete.map_err(|error| AwsFailure::unreadable(CLEAR, error.to_string()))?;
            left.push(WriteRequest::builder().delete_request(delete).build());
        }
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        while !left.is_empty() {
            let sent = self.client.batch_write_item().request_items(&self.source.table, left.clone()).send().await;
            match sent {
                Ok(sent) => left = sent.unprocessed_items.into_iter().flatten().flat_map(|(_, left)| left).collect(),
                Err(error) if error.code().is_some_and(is_busy) => {}
                Err(error) => return Err(AwsFailure::of(CLEAR, error)),
            }
            if !left.is_empty() && !backoff.pause().await {
                break;
            }
        }
        Ok(())
    }
}

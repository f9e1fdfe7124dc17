//! The end of a copy that is no longer needed: compared once more with the cell that has the tenant, then deleted.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, TransactWriteItem};
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, TENANT_ID, key, number};
use cellstack_core::limits::MAX_TRANSACTION;
use cellstack_core::{CellId, Epoch, EventStatus, RouteState, TenantId};

use super::MoveError;
use super::items::{events, is_expired, others, status};
use super::journal::journal;
use super::record::text;
use super::send::{Sent, send};
use crate::partition::{KEYS_AT_ONCE, READ, by_key, sort_key};
use crate::placement::{PlacementError, Site};

/// A copy of a tenant in a cell that does not have it, and the cell that has it.
#[derive(Debug, Clone)]
pub struct Copy<'a> {
    /// The client that reaches both cells.
    pub client: &'a aws_sdk_dynamodb::Client,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The cell with the copy.
    pub of: &'a Site,
    /// The cell that has the tenant.
    pub owner: &'a Site,
    /// The epoch under which it has the tenant.
    pub epoch: Epoch,
    /// The tenant map's table.
    pub map_table: &'a str,
}

/// The items of a copy that may be deleted.
#[derive(Debug, Default)]
pub struct Purgeable {
    keys: Vec<String>,
    /// Events that the cell holds as a standby: they stay.
    pub held: u64,
}

impl Purgeable {
    /// Returns the number of items.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.keys.len()
    }
}

impl Copy<'_> {
    /// Compares the copy with the owner's items. Events must be there, with the same body; what an event became since is the
    /// owner's own matter. Of all else the owner must have an item under the same key.
    ///
    /// # Errors
    /// [`MoveError::Differ`] when the owner lacks something, or when a table can't be read.
    pub async fn compare(&self, now_ms: u64) -> Result<Purgeable, MoveError> {
        let (mut found, mut lacking) = (Purgeable::default(), Vec::new());
        let mut mine = events(self.client, &self.of.table, self.tenant).into_paginator().items().send();
        let mut page: Vec<Item> = Vec::with_capacity(KEYS_AT_ONCE);
        while let Some(item) = mine.next().await {
            page.push(item.map_err(|error| AwsFailure::of(READ, error))?);
            if page.len() == KEYS_AT_ONCE {
                self.compare_page(std::mem::take(&mut page), now_ms, &mut found, &mut lacking).await?;
            }
        }
        self.compare_page(page, now_ms, &mut found, &mut lacking).await?;
        let theirs = others(self.client, &self.owner.table, self.tenant).await?;
        for (key, item) in others(self.client, &self.of.table, self.tenant).await? {
            if theirs.contains_key(&key) || is_expired(&item, now_ms) {
                found.keys.push(key);
            } else {
                lacking.push(format!("{key} is missing"));
            }
        }
        if lacking.is_empty() {
            found.keys.extend(journal(self.client, &self.of.table, self.tenant).await?);
            return Ok(found);
        }
        let [from, to]: [CellId; 2] = [self.of, self.owner].map(|site| site.id.clone());
        Err(MoveError::Differ { tenant: self.tenant.clone(), from, to, keys: lacking })
    }

    async fn compare_page(
        &self,
        page: Vec<Item>,
        now_ms: u64,
        found: &mut Purgeable,
        lacking: &mut Vec<String>,
    ) -> Result<(), AwsFailure> {
        let keys = page.iter().map(sort_key).collect::<Result<Vec<_>, _>>()?;
        let theirs = by_key(self.client, &self.owner.table, self.tenant, &keys).await?;
        for (key, mine) in keys.into_iter().zip(page) {
            let owned = theirs.get(&key);
            if status(&mine) == Some(EventStatus::Held) {
                found.held += 1;
            } else if is_expired(&mine, now_ms) || owned.is_some_and(|owned| same_body(owned, &mine)) {
                found.keys.push(key);
            } else if owned.is_some() {
                lacking.push(format!("{key} has another body"));
            } else {
                lacking.push(format!("{key} is missing"));
            }
        }
        Ok(())
    }

    /// Deletes items. Safe to run again. Each transaction checks that the tenant is still where it was: a move that begins
    /// meanwhile may lead back here, and counts on what it finds.
    ///
    /// # Errors
    /// [`PlacementError::Contended`] when the tenant has changed, or a table can't be written.
    pub async fn delete(&self, purgeable: &Purgeable, mut done: impl FnMut(u64)) -> Result<(), MoveError> {
        // One action is the check.
        for keys in purgeable.keys.chunks(MAX_TRANSACTION - 1) {
            let mut actions = vec![self.check()?];
            for sort_key in keys {
                let delete = Delete::builder().table_name(&self.of.table);
                let delete = delete.set_key(Some(key(self.tenant, sort_key.as_str()))).build()?;
                actions.push(TransactWriteItem::builder().delete(delete).build());
            }
            if send(self.client, "delete a copy", &actions).await? != Sent::Done {
                return Err(PlacementError::Contended { tenant: self.tenant.clone() }.into());
            }
            done(keys.len() as u64);
        }
        Ok(())
    }

    fn check(&self) -> Result<TransactWriteItem, BuildError> {
        let check = ConditionCheck::builder()
            .table_name(self.map_table)
            .set_key(Some(HashMap::from([(TENANT_ID.to_owned(), text(self.tenant.as_str()))])))
            .condition_expression("cell_id = :owner AND #epoch = :epoch AND #state = :active")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":owner", text(self.owner.id.as_str()))
            .expression_attribute_values(":epoch", number(self.epoch.0))
            .expression_attribute_values(":active", text(RouteState::Active.as_str()))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

fn same_body(one: &Item, other: &Item) -> bool {
    one.get("body_sha256") == other.get("body_sha256")
}

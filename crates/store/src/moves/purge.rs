//! The purge of a copy: it is compared once more with the cell that has the tenant, then deleted.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, TransactWriteItem};
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, TENANT_ID, key, number};
use cellstack_core::{CellId, Epoch, EventStatus, RouteState, TenantId};

use super::MoveError;
use super::items::{events, is_expired, others, status};
use super::journal::journal;
use super::record::text;
use crate::RateLimit;
use crate::item_size::units;
use crate::partition::{KEYS_AT_ONCE, READ, by_key, sort_key};
use crate::placement::{PlacementError, Site};
use crate::transaction::{Sent, send};

/// A copy of a tenant in a cell that does not have it, and the cell that has it.
#[derive(Debug, Clone)]
pub struct Copy<'a> {
    /// The client that reaches both cells.
    pub client: &'a aws_sdk_dynamodb::Client,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The cell with the copy.
    pub of: &'a Site,
    /// True if the tenant has moved away from that cell: the flip has compared all items.
    pub is_source: bool,
    /// The cell that has the tenant.
    pub owner: &'a Site,
    /// The epoch under which it has the tenant.
    pub epoch: Epoch,
    /// The tenant map's table.
    pub map_table: &'a str,
}

/// The number of items of a copy that may be deleted, and of those that stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purgeable {
    /// Items that may be deleted.
    pub items: u64,
    /// Events that the cell holds as a standby: they stay.
    pub held: u64,
}

/// Compared items: those that may be deleted, each with its write units, and those that the owner lacks.
#[derive(Debug, Default)]
struct Page {
    items: Vec<(String, u32)>,
    held: u64,
    lacking: Vec<String>,
}

impl Copy<'_> {
    /// Compares the copy with the owner's items. The owner must have each event with the same body; its status may have changed
    /// since. Of all other items the owner must have one under the same key, unless it had one when the tenant moved there: its
    /// processor may have deleted that since.
    ///
    /// # Errors
    /// [`MoveError::Differ`] when the owner lacks something, or when a table can't be read.
    pub async fn compare(&self, now_ms: impl Fn() -> u64) -> Result<Purgeable, MoveError> {
        let (mut found, mut lacking) = (Purgeable::default(), Vec::new());
        let count = async |page: Page| {
            found.items += page.items.len() as u64;
            found.held += page.held;
            lacking.extend(page.lacking);
            Ok(true)
        };
        self.examine(now_ms, count).await?;
        if lacking.is_empty() { Ok(found) } else { Err(self.differ(lacking)) }
    }

    /// Deletes the copy page by page, after comparing each page once more. `go_on` gets the number of items of each transaction, and
    /// returns whether the next one follows. Returns whether all is deleted. Safe to repeat. Each transaction checks that the tenant is
    /// still in the owner's cell: a move that begins meanwhile may lead back here, and relies on the items that it finds.
    ///
    /// # Errors
    /// [`MoveError::Differ`] when the owner lacks an item of a page: that page and all later ones stay.
    /// [`PlacementError::Contended`] when the tenant has changed. Fails when a table can't be read or written.
    pub async fn delete(
        &self,
        now_ms: impl Fn() -> u64,
        rate_limit: &RateLimit,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Result<bool, MoveError> {
        let delete = async |page: Page| {
            if !page.lacking.is_empty() {
                return Err(self.differ(page.lacking));
            }
            for (items, units) in rate_limit.transactions(&page.items, |(_, units)| *units) {
                rate_limit.wait(units).await;
                self.delete_items(items).await?;
                if !go_on(items.len() as u64) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        self.examine(now_ms, delete).await
    }

    fn differ(&self, keys: Vec<String>) -> MoveError {
        let [from, to]: [CellId; 2] = [self.of, self.owner].map(|site| site.id.clone());
        MoveError::Differ { tenant: self.tenant.clone(), from, to, keys }
    }

    /// Reads and compares the copy, and passes it to `each` in pages until that returns `false`: events, then all other items, then the
    /// journal. Returns whether all pages were passed.
    async fn examine(
        &self,
        now_ms: impl Fn() -> u64,
        mut each: impl AsyncFnMut(Page) -> Result<bool, MoveError>,
    ) -> Result<bool, MoveError> {
        let mut mine = events(self.client, &self.of.table, self.tenant).into_paginator().items().send();
        let mut items: Vec<Item> = Vec::with_capacity(KEYS_AT_ONCE);
        while let Some(item) = mine.next().await {
            items.push(item.map_err(|error| AwsFailure::of(READ, error))?);
            if items.len() == KEYS_AT_ONCE {
                let page = self.compare_events(std::mem::take(&mut items), now_ms()).await?;
                if !each(page).await? {
                    return Ok(false);
                }
            }
        }
        let page = self.compare_events(items, now_ms()).await?;
        if !each(page).await? || !each(self.compare_others(now_ms()).await?).await? {
            return Ok(false);
        }
        let notes = journal(self.client, &self.of.table, self.tenant).await?;
        each(Page { items: notes.into_iter().map(|key| (key, 1)).collect(), ..Page::default() }).await
    }

    async fn compare_events(&self, items: Vec<Item>, now_ms: u64) -> Result<Page, AwsFailure> {
        let keys = items.iter().map(sort_key).collect::<Result<Vec<_>, _>>()?;
        let theirs = by_key(self.client, &self.owner.table, self.tenant, &keys).await?;
        let mut page = Page::default();
        for (key, mine) in keys.into_iter().zip(items) {
            let owned = theirs.get(&key);
            if status(&mine) == Some(EventStatus::Held) {
                page.held += 1;
            } else if is_expired(&mine, now_ms) || owned.is_some_and(|owned| same_body(owned, &mine)) {
                page.items.push((key, units(&mine)));
            } else if owned.is_some() {
                page.lacking.push(format!("{key} has another body"));
            } else {
                page.lacking.push(format!("{key} is missing"));
            }
        }
        Ok(page)
    }

    async fn compare_others(&self, now_ms: u64) -> Result<Page, AwsFailure> {
        let theirs = others(self.client, &self.owner.table, self.tenant).await?;
        let mut page = Page::default();
        for (key, item) in others(self.client, &self.of.table, self.tenant).await? {
            if self.is_source || theirs.contains_key(&key) || is_expired(&item, now_ms) {
                page.items.push((key, units(&item)));
            } else {
                page.lacking.push(format!("{key} is missing"));
            }
        }
        Ok(page)
    }

    async fn delete_items(&self, items: &[(String, u32)]) -> Result<(), MoveError> {
        let mut actions = vec![self.check()?];
        for (sort_key, _) in items {
            let delete = Delete::builder().table_name(&self.of.table);
            let delete = delete.set_key(Some(key(self.tenant, sort_key.as_str()))).build()?;
            actions.push(TransactWriteItem::builder().delete(delete).build());
        }
        match send(self.client, "delete a copy", &actions).await? {
            Sent::Done => Ok(()),
            Sent::Refused(_) => Err(PlacementError::Contended { tenant: self.tenant.clone() }.into()),
        }
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

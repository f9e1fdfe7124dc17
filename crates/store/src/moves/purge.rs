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

/// Items of a transaction: one action is the check.
const PAGE: usize = MAX_TRANSACTION - 1;
const _: () = assert!(PAGE <= KEYS_AT_ONCE);

/// Items that may be deleted: their sort keys, and the write units of them all.
#[derive(Debug, Default)]
struct Page {
    keys: Vec<String>,
    units: u32,
    held: u64,
}

impl Page {
    fn add(&mut self, key: String, item: &Item) {
        self.keys.push(key);
        self.units = self.units.saturating_add(units(item));
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
        let count = async |page: Page| {
            found.items += page.keys.len() as u64;
            found.held += page.held;
            Ok(true)
        };
        self.examine(now_ms, &mut lacking, count).await?;
        if lacking.is_empty() { Ok(found) } else { Err(self.differ(lacking)) }
    }

    /// Deletes the copy, page by page, each compared once more. `go_on` gets the number of items of each page that is gone, and
    /// says whether the next one follows. Returns whether all is gone. Safe to run again. Each transaction checks that the tenant
    /// is still where it was: a move that begins meanwhile may lead back here, and counts on what it finds.
    ///
    /// # Errors
    /// [`MoveError::Differ`] when the owner lacks something, [`PlacementError::Contended`] when the tenant has changed, or when a
    /// table can't be read or written.
    pub async fn delete(
        &self,
        now_ms: u64,
        rate_limit: &RateLimit,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Result<bool, MoveError> {
        let mut lacking = Vec::new();
        let delete = async |page: Page| {
            // A transaction takes twice as many.
            rate_limit.wait(page.units.saturating_mul(2)).await;
            self.delete_page(&page.keys).await?;
            Ok(go_on(page.keys.len() as u64))
        };
        let all = self.examine(now_ms, &mut lacking, delete).await?;
        if lacking.is_empty() { Ok(all) } else { Err(self.differ(lacking)) }
    }

    fn differ(&self, keys: Vec<String>) -> MoveError {
        let [from, to]: [CellId; 2] = [self.of, self.owner].map(|site| site.id.clone());
        MoveError::Differ { tenant: self.tenant.clone(), from, to, keys }
    }

    /// Reads the copy, and passes on in pages what may be deleted, until a page says that no other follows. Notes in `lacking` what
    /// the owner lacks. The journal comes last: it is deleted only if nothing is lacking. Returns whether all pages were passed on.
    async fn examine(
        &self,
        now_ms: u64,
        lacking: &mut Vec<String>,
        mut each: impl AsyncFnMut(Page) -> Result<bool, MoveError>,
    ) -> Result<bool, MoveError> {
        let mut mine = events(self.client, &self.of.table, self.tenant).into_paginator().items().send();
        let mut items: Vec<Item> = Vec::with_capacity(PAGE);
        while let Some(item) = mine.next().await {
            items.push(item.map_err(|error| AwsFailure::of(READ, error))?);
            if items.len() == PAGE
                && !each(self.compare_page(std::mem::take(&mut items), now_ms, lacking).await?).await?
            {
                return Ok(false);
            }
        }
        if !items.is_empty() && !each(self.compare_page(items, now_ms, lacking).await?).await? {
            return Ok(false);
        }
        let theirs = others(self.client, &self.owner.table, self.tenant).await?;
        let (mut page, mut pages) = (Page::default(), Vec::new());
        for (key, item) in others(self.client, &self.of.table, self.tenant).await? {
            if theirs.contains_key(&key) || is_expired(&item, now_ms) {
                page.add(key, &item);
            } else {
                lacking.push(format!("{key} is missing"));
            }
            if page.keys.len() == PAGE {
                pages.push(std::mem::take(&mut page));
            }
        }
        pages.push(page);
        if lacking.is_empty() {
            let notes = journal(self.client, &self.of.table, self.tenant).await?;
            pages.extend(notes.chunks(PAGE).map(|keys| Page { keys: keys.to_vec(), units: PAGE as u32, held: 0 }));
        }
        for page in pages.into_iter().filter(|page| !page.keys.is_empty()) {
            if !each(page).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn compare_page(&self, items: Vec<Item>, now_ms: u64, lacking: &mut Vec<String>) -> Result<Page, AwsFailure> {
        let keys = items.iter().map(sort_key).collect::<Result<Vec<_>, _>>()?;
        let theirs = by_key(self.client, &self.owner.table, self.tenant, &keys).await?;
        let mut page = Page::default();
        for (key, mine) in keys.into_iter().zip(items) {
            let owned = theirs.get(&key);
            if status(&mine) == Some(EventStatus::Held) {
                page.held += 1;
            } else if is_expired(&mine, now_ms) || owned.is_some_and(|owned| same_body(owned, &mine)) {
                page.add(key, &mine);
            } else if owned.is_some() {
                lacking.push(format!("{key} has another body"));
            } else {
                lacking.push(format!("{key} is missing"));
            }
        }
        Ok(page)
    }

    async fn delete_page(&self, keys: &[String]) -> Result<(), MoveError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut actions = vec![self.check()?];
        for sort_key in keys {
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

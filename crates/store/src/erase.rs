//! The end of all that a cell keeps of a tenant which has no cell any more, but for its fence.
//!
//! The fence stays: its epoch keeps writes of every earlier epoch out. Each transaction checks that the tenant still has no
//! cell, so that an erasure which is slow, or was begun before the tenant was placed again, deletes nothing of its new life.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem};
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, SORT_KEY, TENANT_ID, key, number};
use cellstack_core::fence::shard_key;
use cellstack_core::hex::hex;
use cellstack_core::{Epoch, EventStatus, RouteState, TenantId};
use sha2::{Digest as _, Sha256};

use crate::RateLimit;
use crate::item_size::units;
use crate::partition::{self, Kind};
use crate::placement::{Site, is_here};
use crate::transaction::{Sent, send};

const READ: &str = "read a tenant's items";
const WHAT: &str = "erase a tenant's items";

/// A tenant to erase: the map has it as `removed` at this epoch.
#[derive(Debug, Clone)]
pub struct Erasure<'a> {
    /// The client that reaches the cells.
    pub client: &'a Client,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The epoch of its entry in the map.
    pub epoch: Epoch,
    /// The tenant map's table.
    pub map_table: &'a str,
}

/// An erasure that stopped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EraseError {
    /// The tenant has a cell again.
    #[error(
        "tenant {tenant} was placed again meanwhile; nothing of it was deleted since: look with `cellctl tenants show \
         {tenant}`"
    )]
    PlacedAgain {
        /// The tenant.
        tenant: TenantId,
    },
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
}

impl From<BuildError> for EraseError {
    fn from(error: BuildError) -> Self {
        Self::Failed(AwsFailure::unreadable(WHAT, error.to_string()))
    }
}

/// A list of items, as counts and a hash.
#[derive(Debug, Clone, Default)]
pub struct Items {
    /// The number of items by kind.
    pub counts: BTreeMap<Kind, u64>,
    /// The number of events that are neither processed nor failed nor handed over.
    pub not_done: u64,
    keys: Sha256,
}

impl Items {
    /// Returns the number of items that an erasure deletes.
    #[must_use]
    pub fn erasable(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| **kind != Kind::Fence).map(|(_, count)| count).sum()
    }

    /// Returns the SHA-256 over the sort keys of the items, but for the fence's: each with a line feed, in their order.
    #[must_use]
    pub fn keys_sha256(&self) -> String {
        hex(self.keys.clone().finalize())
    }

    fn add(&mut self, Listed { key, is_done, .. }: &Listed) {
        let kind = Kind::of(key);
        *self.counts.entry(kind).or_default() += 1;
        if kind != Kind::Fence {
            self.keys.update(key);
            self.keys.update("\n");
        }
        self.not_done += u64::from(kind == Kind::Event && !is_done);
    }
}

/// An item's sort key, and whether its status is one that ends an event.
struct Listed {
    key: String,
    is_done: bool,
    units: u32,
}

impl Listed {
    fn read(item: &Item) -> Result<Self, AwsFailure> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let Some(key) = text(SORT_KEY).cloned() else {
            return Err(AwsFailure::unreadable(READ, "an item without a sort key".to_owned()));
        };
        let open = [EventStatus::Accepted, EventStatus::Held].map(EventStatus::as_str);
        let is_done = !text("status").is_some_and(|status| open.contains(&status.as_str()));
        Ok(Self { key, is_done, units: units(item) })
    }
}

impl Erasure<'_> {
    /// Lists what a cell has of the tenant, strongly consistent.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(&self, table: &str) -> Result<Items, AwsFailure> {
        let mut found = Items::default();
        let keys = partition::items(self.client, table, self.tenant)
            .projection_expression("sk, #status")
            .expression_attribute_names("#status", "status");
        let mut pages = keys.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsFailure::of(READ, error))?;
            for item in page.items.unwrap_or_default() {
                found.add(&Listed::read(&item)?);
            }
        }
        Ok(found)
    }

    /// Deletes what a cell has of the tenant, but for its fence, and adds it to `erased`. Safe to run again. Ends early when
    /// `go_on` says so: it is asked before each transaction.
    ///
    /// # Errors
    /// [`EraseError::PlacedAgain`] when the tenant has a cell again, or when the table can't be read or written.
    pub async fn erase(
        &self,
        site: &Site,
        erased: &mut Items,
        rate_limit: &RateLimit,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<(), EraseError> {
        let mut pages = partition::items(self.client, &site.table, self.tenant).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsFailure::of(READ, error))?.items.unwrap_or_default();
            let mut listed = page.iter().map(Listed::read).collect::<Result<Vec<_>, _>>()?;
            listed.retain(|item| Kind::of(&item.key) != Kind::Fence);
            for (chunk, units) in rate_limit.transactions(&listed, |item| item.units) {
                if !go_on() {
                    return Ok(());
                }
                rate_limit.wait(units).await;
                self.delete(site, chunk).await?;
                chunk.iter().for_each(|item| erased.add(item));
            }
        }
        Ok(())
    }

    async fn delete(&self, site: &Site, items: &[Listed]) -> Result<(), EraseError> {
        let mut actions = vec![TransactWriteItem::builder().condition_check(self.guard(site)?).build()];
        for item in items {
            let delete = Delete::builder().table_name(&site.table).set_key(Some(key(self.tenant, item.key.as_str())));
            actions.push(TransactWriteItem::builder().delete(delete.build()?).build());
        }
        match send(self.client, WHAT, &actions).await? {
            Sent::Done => Ok(()),
            Sent::Refused(_) => Err(EraseError::PlacedAgain { tenant: self.tenant.clone() }),
        }
    }

    /// Returns the check that the tenant has no cell: its entry in the map or, in another account, which a transaction with
    /// the map can't reach, its fence there. Every later placement opens a fence above this epoch before the tenant is placed.
    fn guard(&self, site: &Site) -> Result<ConditionCheck, BuildError> {
        let check = ConditionCheck::builder()
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":epoch", number(self.epoch.0));
        if !is_here(site) {
            return check
                .table_name(&site.table)
                .set_key(Some(key(self.tenant, shard_key(0))))
                .condition_expression("attribute_not_exists(tenant_id) OR #epoch <= :epoch")
                .build();
        }
        let text = |text: &str| AttributeValue::S(text.to_owned());
        check
            .table_name(self.map_table)
            .set_key(Some(HashMap::from([(TENANT_ID.to_owned(), text(self.tenant.as_str()))])))
            .condition_expression("#epoch = :epoch AND #state = :removed")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":removed", text(RouteState::Removed.as_str()))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_is_the_map_here_and_the_fence_in_another_account() {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .build();
        let (client, tenant) = (Client::from_conf(config), "acme".parse().unwrap());
        let erasure = Erasure { client: &client, tenant: &tenant, epoch: Epoch(3), map_table: "map" };
        let guard = |table: &str| {
            let site = Site { id: "alpha".parse().unwrap(), table: table.to_owned(), capacity: 1 };
            let check = erasure.guard(&site).unwrap();
            let sort_key = check.key().get(SORT_KEY).and_then(|key| key.as_s().ok()).cloned();
            let epoch = check.expression_attribute_values().unwrap()[":epoch"].clone();
            assert_eq!(epoch, number(3));
            (check.table_name().to_owned(), sort_key, check.condition_expression().to_owned())
        };
        assert_eq!(guard("cell-alpha"), ("map".to_owned(), None, "#epoch = :epoch AND #state = :removed".to_owned()));
        let arn = "arn:aws:dynamodb:us-east-1:111122223333:table/cell-alpha";
        let condition = "attribute_not_exists(tenant_id) OR #epoch <= :epoch".to_owned();
        assert_eq!(guard(arn), (arn.to_owned(), Some("fence#0".to_owned()), condition));
    }

    #[test]
    fn a_hash_is_over_the_keys_in_their_order_without_the_fence() {
        let mut items = Items::default();
        for (key, is_done) in [("event#1", true), ("event#2", false), ("fence#0", true), ("total#a", false)] {
            items.add(&Listed { key: key.to_owned(), is_done, units: 1 });
        }
        assert_eq!((items.erasable(), items.not_done), (3, 1));
        assert_eq!(items.keys_sha256(), cellstack_core::hex::sha256("event#1\nevent#2\ntotal#a\n"));
    }
}

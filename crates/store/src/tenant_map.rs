//! Reads of the tenant map.
//!
//! An entry is never deleted. That of a tenant which was removed stays, in state `removed`, so that a later placement
//! starts above every epoch that the tenant ever had.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, TENANT_ID};
use cellstack_core::{CellId, EventId, RouteState, TenantId, TenantRoute};
use serde::Deserialize;

const WHAT: &str = "read the tenant map";

/// A tenant's entry in the map, as the control plane needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantEntry {
    /// The route, as routers read it.
    pub route: TenantRoute,
    /// The share of a cell's capacity that the tenant takes.
    pub weight: u64,
    /// True if plans leave the tenant in its cell.
    pub pinned: bool,
    /// The time of the last change, in milliseconds since the Unix epoch.
    pub updated_at: u64,
    /// The operator who made it.
    pub updated_by: String,
    /// The move that the tenant is in.
    pub migration_id: Option<EventId>,
    /// The cell that the move leads to. Its room is reserved.
    pub moving_to: Option<CellId>,
}

/// The weight of a tenant whose entry has none.
pub const DEFAULT_WEIGHT: u64 = 1;

impl TenantEntry {
    /// Reads an entry of the map.
    ///
    /// # Errors
    /// When the item is not of the shape that the control plane writes. The error names the tenant.
    pub fn from_item(item: Item) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Placement {
            weight: Option<u64>,
            #[serde(default)]
            pinned: bool,
            #[serde(default)]
            updated_at: u64,
            #[serde(default)]
            updated_by: String,
            migration_id: Option<EventId>,
            moving_to: Option<CellId>,
        }
        let tenant = item.get(TENANT_ID).and_then(|tenant| tenant.as_s().ok()).cloned().unwrap_or_default();
        let broken = |error: serde_dynamo::Error| format!("entry of {tenant}: {error}");
        let Placement { weight, pinned, updated_at, updated_by, migration_id, moving_to } =
            serde_dynamo::from_item(item.clone()).map_err(broken)?;
        let route = serde_dynamo::from_item(item).map_err(broken)?;
        let weight = weight.unwrap_or(DEFAULT_WEIGHT);
        Ok(Self { route, weight, pinned, updated_at, updated_by, migration_id, moving_to })
    }

    /// Returns whether the tenant has a cell.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        self.route.state != RouteState::Removed
    }
}

/// A reader of the map. Its reads are strongly consistent: a lease starts from here.
#[derive(Debug, Clone)]
pub struct TenantMap {
    client: Client,
    table: String,
}

impl TenantMap {
    /// Returns a reader of the map in `table`.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Returns the client that reads the map.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Reads an entry that no tenant can have: the connection is open afterwards, and nothing else has changed.
    ///
    /// # Errors
    /// When the map can't be read.
    pub async fn touch(&self) -> Result<(), AwsFailure> {
        self.get("#").await.map(drop)
    }

    /// Reads the tenant's route; `None` when it has no cell.
    ///
    /// # Errors
    /// When the map can't be read, or the entry is not of the shape that the control plane writes.
    pub async fn read(&self, tenant: &TenantId) -> Result<Option<TenantRoute>, AwsFailure> {
        let Some(item) = self.get(tenant.as_str()).await?.item else { return Ok(None) };
        let route: TenantRoute = serde_dynamo::from_item(item)
            .map_err(|error| AwsFailure::unreadable(WHAT, format!("entry of {tenant}: {error}")))?;
        Ok(Some(route).filter(|route| route.state != RouteState::Removed))
    }

    /// Reads the tenant's entry, also that of a tenant which was removed; `None` when it never had one.
    ///
    /// # Errors
    /// Like [`TenantMap::read`].
    pub async fn entry(&self, tenant: &TenantId) -> Result<Option<TenantEntry>, AwsFailure> {
        let Some(item) = self.get(tenant.as_str()).await?.item else { return Ok(None) };
        TenantEntry::from_item(item).map(Some).map_err(|error| AwsFailure::unreadable(WHAT, error))
    }

    /// Reads every entry, strongly consistent, page by page. The map changes meanwhile: each entry has the state of some
    /// moment since the scan began. Entries that can't be read are passed on with the reason.
    ///
    /// # Errors
    /// When the map can't be read.
    pub async fn scan(&self, mut entry: impl FnMut(Result<TenantEntry, String>)) -> Result<(), AwsFailure> {
        let mut items =
            self.client.scan().table_name(&self.table).consistent_read(true).into_paginator().items().send();
        while let Some(item) = items.next().await {
            entry(TenantEntry::from_item(item.map_err(|error| AwsFailure::of(WHAT, error))?));
        }
        Ok(())
    }

    async fn get(&self, id: &str) -> Result<GetItemOutput, AwsFailure> {
        self.client
            .get_item()
            .table_name(&self.table)
            .key(TENANT_ID, AttributeValue::S(id.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsFailure::of(WHAT, error))
    }
}

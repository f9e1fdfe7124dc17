//! The tenant map: which cell a tenant lives in.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::aws::AwsFailure;
use crate::cell_table::TENANT_ID;
use crate::lease::Versioned;
use crate::{CellId, Epoch, TenantId};

/// Whether a tenant's cell takes its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteState {
    /// It does.
    Active,
    /// It does, and a move is under way: writes check the fence.
    Moving,
    /// It does not; the tenant changes owner right now.
    Fenced,
}

impl RouteState {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Moving => "moving",
            Self::Fenced => "fenced",
        }
    }
}

/// A tenant's entry in the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRoute {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its cell.
    pub cell_id: CellId,
    /// How often it changed owner.
    pub epoch: Epoch,
    /// Whether its cell takes its events.
    pub state: RouteState,
    /// The cell that takes its new events while its own is marked down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_cell_id: Option<CellId>,
}

impl TenantRoute {
    /// The route of a tenant that was just placed.
    #[must_use]
    pub const fn first(tenant_id: TenantId, cell_id: CellId) -> Self {
        Self { tenant_id, cell_id, epoch: Epoch::FIRST, state: RouteState::Active, standby_cell_id: None }
    }
}

impl Versioned for TenantRoute {
    fn version(&self) -> u64 {
        self.epoch.0
    }
}

/// Reads the map. Strongly consistent: a lease starts from here.
#[derive(Debug, Clone)]
pub struct TenantMap {
    client: Client,
    table: String,
}

impl TenantMap {
    /// The map in `table`.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Asks for an entry that no tenant can have: the connection is there afterwards, and nothing else has changed.
    ///
    /// # Errors
    /// When the map can't be read.
    pub async fn touch(&self) -> Result<(), AwsFailure> {
        self.get("#").await.map(drop)
    }

    /// The tenant's entry; `None` when it has none.
    ///
    /// # Errors
    /// When the map can't be read, or the entry is not what the control plane writes.
    pub async fn read(&self, tenant: &TenantId) -> Result<Option<TenantRoute>, AwsFailure> {
        let answer = self.get(tenant.as_str()).await?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        serde_dynamo::from_item(item)
            .map(Some)
            .map_err(|error| AwsFailure::unreadable("read the tenant map", format!("entry of {tenant}: {error}")))
    }
    async fn get(&self, id: &str) -> Result<GetItemOutput, AwsFailure> {
        self.client
            .get_item()
            .table_name(&self.table)
            .key(TENANT_ID, AttributeValue::S(id.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsFailure::of("read the tenant map", error))
    }
}

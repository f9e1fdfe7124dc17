//! Reads of the tenant map.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::TENANT_ID;
use cellstack_core::{TenantId, TenantRoute};

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

    /// Reads an entry that no tenant can have: the connection is open afterwards, and nothing else has changed.
    ///
    /// # Errors
    /// When the map can't be read.
    pub async fn touch(&self) -> Result<(), AwsFailure> {
        self.get("#").await.map(drop)
    }

    /// Reads the tenant's entry; `None` when it has none.
    ///
    /// # Errors
    /// When the map can't be read, or the entry is not of the shape that the control plane writes.
    pub async fn read(&self, tenant: &TenantId) -> Result<Option<TenantRoute>, AwsFailure> {
        let response = self.get(tenant.as_str()).await?;
        let Some(item) = response.item else {
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

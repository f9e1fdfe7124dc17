//! Reads of the registry.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_core::registry::{CellRecord, partition, record};

/// A reader of the registry.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    table: String,
}

impl Registry {
    /// Returns a reader of the registry in `table`.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads a cell's record; `None` when no such cell is registered.
    ///
    /// # Errors
    /// When the registry can't be read, or an item is not of the shape that its writer writes.
    pub async fn read(&self, cell: &CellId) -> Result<Option<CellRecord>, AwsFailure> {
        const WHAT: &str = "read the registry";
        let response = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :cell")
            .expression_attribute_values(":cell", AttributeValue::S(partition(cell)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsFailure::of(WHAT, error))?;
        record(response.items.unwrap_or_default())
            .map_err(|error| AwsFailure::unreadable(WHAT, format!("record of cell {cell}: {error}")))
    }
}

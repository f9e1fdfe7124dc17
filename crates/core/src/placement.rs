//! Placing a tenant: the fence in its cell first, then its entry in the map.
//!
//! In this order a crash in between leaves an open fence that nobody routes to, which a second try finds and accepts;
//! the other way round it would leave a route into a cell that refuses fenced writes.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use crate::aws::AwsFailure;
use crate::cell_table::{TENANT_ID, number, open_fence};
use crate::tenant_map::TenantMap;
use crate::{CellId, Epoch, TenantId, TenantRoute};

/// How a placement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The tenant is new.
    New,
    /// It already lives somewhere; nothing was changed.
    Already(TenantRoute),
}

/// Where and by whom tenants are placed.
#[derive(Debug, Clone)]
pub struct Placement<'a> {
    /// Reaches the tenant map and the cells.
    pub client: &'a Client,
    /// The tenant map's table.
    pub map_table: &'a str,
    /// Who does it, for the record.
    pub operator: &'a str,
}

impl Placement<'_> {
    /// Places a tenant in a cell. Safe to run again, and under races: one cell wins, and everybody is told which.
    ///
    /// # Errors
    /// When a table can't be written; nothing routes to the cell then.
    pub async fn place(
        &self,
        tenant: &TenantId,
        cell: &CellId,
        cell_table: &str,
        now_ms: u64,
    ) -> Result<Placed, AwsFailure> {
        // The map is the judge, so it is asked first: a tenant that lives elsewhere gets no second fence.
        let map = TenantMap::new(self.client.clone(), self.map_table.to_owned());
        if let Some(route) = map.read(tenant).await? {
            return Ok(Placed::Already(route));
        }
        self.open_fence(tenant, cell_table).await?;
        let entry = self
            .client
            .put_item()
            .table_name(self.map_table)
            .item(TENANT_ID, AttributeValue::S(tenant.as_str().to_owned()))
            .item("cell_id", AttributeValue::S(cell.as_str().to_owned()))
            .item("epoch", number(Epoch::FIRST.0))
            .item("state", AttributeValue::S("active".to_owned()))
            .item("pinned", AttributeValue::Bool(false))
            .item("updated_at", number(now_ms))
            .item("updated_by", AttributeValue::S(self.operator.to_owned()))
            .condition_expression("attribute_not_exists(tenant_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = entry else {
            return Ok(Placed::New);
        };
        const WHAT: &str = "write the tenant map";
        if let Some(PutItemError::ConditionalCheckFailedException(lost)) = error.as_service_error() {
            let winner = lost.item().cloned().unwrap_or_default();
            return serde_dynamo::from_item(winner)
                .map(Placed::Already)
                .map_err(|error| AwsFailure::unreadable(WHAT, format!("entry of {tenant}: {error}")));
        }
        Err(AwsFailure::of(WHAT, error))
    }

    async fn open_fence(&self, tenant: &TenantId, cell_table: &str) -> Result<(), AwsFailure> {
        let written = self
            .client
            .put_item()
            .table_name(cell_table)
            .set_item(Some(open_fence(tenant, Epoch::FIRST)))
            // An open fence of the same epoch is an earlier try's; a closed or later one is a move's and must stand.
            .condition_expression("attribute_not_exists(tenant_id) OR (#epoch = :epoch AND #state = :open)")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", number(Epoch::FIRST.0))
            .expression_attribute_values(":open", AttributeValue::S("open".to_owned()))
            .send()
            .await;
        written.map(drop).map_err(|error| AwsFailure::of("write the tenant's fence", error))
    }
}

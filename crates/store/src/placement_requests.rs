//! Requests for placement, written by routers and settled by the placer.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use cellstack_aws::AwsFailure;
use cellstack_core::TenantId;
use cellstack_core::cell_table::{TENANT_ID, number};
use cellstack_core::limits::{MAX_REASON, MAX_REQUEST_ID, PLACEMENT_REFUSAL_RETENTION, PLACEMENT_REQUEST_RETENTION};
use cellstack_core::placement_request::{EXPIRES_AT, PlacementRequest, RequestState};
use cellstack_core::text::head;

/// The table of requests.
#[derive(Debug, Clone)]
pub struct PlacementRequests {
    client: Client,
    table: String,
}

impl PlacementRequests {
    /// Returns the requests in `table`.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Requests a cell for a tenant, unless a request for it counts already. Returns the state of the request that counts.
    ///
    /// # Errors
    /// When the table can't be written, or the item is not of the shape that its writers write.
    pub async fn make(&self, tenant: &TenantId, request_id: &str, now_ms: u64) -> Result<RequestState, AwsFailure> {
        const WHAT: &str = "request a cell for the tenant";
        let request = PlacementRequest {
            tenant_id: tenant.clone(),
            state: RequestState::Pending,
            request_id: head(request_id, MAX_REQUEST_ID).to_owned(),
            requested_at: now_ms,
            expires_at: now_ms / 1_000 + PLACEMENT_REQUEST_RETENTION.as_secs(),
            reason: None,
        };
        let item = serde_dynamo::to_item(request).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(tenant_id) OR expires_at <= :now")
            .expression_attribute_values(":now", number(now_ms / 1_000))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(RequestState::Pending) };
        let Some(PutItemError::ConditionalCheckFailedException(found)) = error.as_service_error() else {
            return Err(AwsFailure::of(WHAT, error));
        };
        let found: PlacementRequest = serde_dynamo::from_item(found.item().cloned().unwrap_or_default())
            .map_err(|error| AwsFailure::unreadable(WHAT, format!("request of {tenant}: {error}")))?;
        Ok(found.state)
    }

    /// Deletes the request for a tenant that was placed.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete(&self, tenant: &TenantId) -> Result<(), AwsFailure> {
        let delete = self.client.delete_item().table_name(&self.table).key(TENANT_ID, key(tenant));
        delete.send().await.map_err(|error| AwsFailure::of("delete a request for placement", error))?;
        Ok(())
    }

    /// Keeps the reason why a tenant was not placed, for those who ask again. A request that was made anew, or is gone,
    /// stays as it is.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn refuse(
        &self,
        request: &PlacementRequest,
        state: RequestState,
        reason: &str,
        now_ms: u64,
    ) -> Result<(), AwsFailure> {
        let refused = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(TENANT_ID, key(&request.tenant_id))
            .update_expression("SET #state = :state, #reason = :reason, #expires_at = :expires_at")
            .condition_expression("requested_at = :requested_at")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#reason", "reason")
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_values(":state", AttributeValue::S(state.as_str().to_owned()))
            .expression_attribute_values(":reason", AttributeValue::S(head(reason, MAX_REASON).to_owned()))
            .expression_attribute_values(":expires_at", number(now_ms / 1_000 + PLACEMENT_REFUSAL_RETENTION.as_secs()))
            .expression_attribute_values(":requested_at", number(request.requested_at))
            .send()
            .await;
        match refused {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(AwsFailure::of("refuse a request for placement", error)),
        }
    }
}

fn key(tenant: &TenantId) -> AttributeValue {
    AttributeValue::S(tenant.to_string())
}

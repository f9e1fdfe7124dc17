//! The placement of a tenant: the fence in its cell first, then its entry in the map.
//!
//! In this order a crash in between leaves an open fence that no route leads to. A second try finds it and accepts it.
//! The other order would leave a route into a cell that refuses fenced writes.
//!
//! A tenant that was removed and comes back starts above every epoch under which its fence in the cell was closed or
//! held, so that routes which routers remember are older than the map's.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{TENANT_ID, number};
use cellstack_core::fence::{FenceState, Shard};
use cellstack_core::limits::FENCE_TIMEOUT;
use cellstack_core::{CellId, Epoch, RouteState, TenantId, TenantRoute};
use tokio::time::Instant;

use crate::TenantMap;
use crate::fence::{self, FenceError};

/// The outcome of a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The tenant is new.
    New(TenantRoute),
    /// The tenant already has a cell; nothing was changed.
    Already(TenantRoute),
}

/// The tables in which tenants are placed, and the operator who does it.
#[derive(Debug, Clone)]
pub struct Placement<'a> {
    /// The client that reaches the tenant map and the cells.
    pub client: &'a Client,
    /// The tenant map's table.
    pub map_table: &'a str,
    /// The operator's name, for the audit trail.
    pub operator: &'a str,
}

impl Placement<'_> {
    /// Places a tenant in a cell. Safe to run again, and under races: one cell wins, and each caller learns which.
    ///
    /// # Errors
    /// When a table can't be written. No route leads to the cell then.
    pub async fn place(
        &self,
        tenant: &TenantId,
        cell: &CellId,
        cell_table: &str,
        now_ms: u64,
    ) -> Result<Placed, AwsFailure> {
        // The map decides, so it is read first: a tenant that is placed elsewhere gets no second fence.
        let map = TenantMap::new(self.client.clone(), self.map_table.to_owned());
        if let Some(route) = map.read(tenant).await? {
            return Ok(Placed::Already(route));
        }
        let epoch = first_epoch(&fence::read(self.client, cell_table, tenant).await?);
        self.write_fence(tenant, cell_table, epoch, FenceState::Open).await?;
        let entry = self
            .client
            .put_item()
            .table_name(self.map_table)
            .item(TENANT_ID, AttributeValue::S(tenant.as_str().to_owned()))
            .item("cell_id", AttributeValue::S(cell.as_str().to_owned()))
            .item("epoch", number(epoch.0))
            .item("state", AttributeValue::S(RouteState::Active.as_str().to_owned()))
            .item("pinned", AttributeValue::Bool(false))
            .item("updated_at", number(now_ms))
            .item("updated_by", AttributeValue::S(self.operator.to_owned()))
            .condition_expression("attribute_not_exists(tenant_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = entry else {
            return Ok(Placed::New(TenantRoute { epoch, ..TenantRoute::first(tenant.clone(), cell.clone()) }));
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

    /// Appoints the cell that takes a tenant's new events while its own is marked down. Safe to run again.
    ///
    /// # Errors
    /// When the map no longer holds `route`, the cell holds a fence that is not a standby's, or a table can't be
    /// written.
    pub async fn appoint_standby(
        &self,
        route: &TenantRoute,
        standby: &CellId,
        standby_table: &str,
        now_ms: u64,
    ) -> Result<(), AwsFailure> {
        self.write_fence(&route.tenant_id, standby_table, route.epoch, FenceState::Standby).await?;
        let updated = self
            .client
            .update_item()
            .table_name(self.map_table)
            .key(TENANT_ID, AttributeValue::S(route.tenant_id.as_str().to_owned()))
            .update_expression("SET standby_cell_id = :standby, updated_at = :now, updated_by = :operator")
            .condition_expression("cell_id = :cell AND cell_id <> :standby AND #epoch = :epoch AND #state = :active")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":standby", AttributeValue::S(standby.as_str().to_owned()))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":operator", AttributeValue::S(self.operator.to_owned()))
            .expression_attribute_values(":cell", AttributeValue::S(route.cell_id.as_str().to_owned()))
            .expression_attribute_values(":epoch", number(route.epoch.0))
            .expression_attribute_values(":active", AttributeValue::S(RouteState::Active.as_str().to_owned()))
            .send()
            .await;
        updated.map(drop).map_err(|error| AwsFailure::of("appoint the tenant's standby", error))
    }

    async fn write_fence(
        &self,
        tenant: &TenantId,
        cell_table: &str,
        epoch: Epoch,
        state: FenceState,
    ) -> Result<(), AwsFailure> {
        // A fence of the same state and no later epoch is from an earlier try. Any other is a move's and must stay.
        fence::open(self.client, cell_table, tenant, epoch, state, Instant::now() + FENCE_TIMEOUT).await.map_err(
            |error| match error {
                FenceError::Failed(failure) => failure,
                FenceError::Refused => AwsFailure::unreadable("write the tenant's fence", error.to_string()),
            },
        )
    }
}

/// Returns the epoch that a tenant starts with in a cell that has this fence of it.
///
/// An open fence without an entry in the map is from a placement that crashed or from a concurrent one. Both keep its
/// epoch, so that either of them writes the epoch that the fence lets pass.
fn first_epoch(fence: &[Shard]) -> Epoch {
    let Some(last) = fence.iter().map(|shard| shard.epoch).max() else { return Epoch::FIRST };
    let is_open = |shard: &Shard| shard.epoch == last && shard.state == FenceState::Open.as_str();
    if fence.iter().all(is_open) { last } else { Epoch(last.0.saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fence() -> impl Strategy<Value = Vec<Shard>> {
        let states = prop::sample::select(vec!["open", "standby", "closed", "unknown"]);
        let shard = (1_u64..9, states).prop_map(|(epoch, state)| Shard {
            key: String::new(),
            epoch: Epoch(epoch),
            state: state.to_owned(),
        });
        prop::collection::vec(shard, 0..9)
    }

    proptest! {
        /// The epoch is never below one that the fence had, and never one under which it was closed or held.
        #[test]
        fn a_tenant_starts_above_what_its_fence_has_seen(fence in fence()) {
            let epoch = first_epoch(&fence);
            prop_assert!(epoch >= Epoch::FIRST);
            for shard in &fence {
                let open = shard.state == "open";
                prop_assert!(shard.epoch < epoch || (shard.epoch == epoch && open), "{:?} {:?}", shard, epoch);
            }
        }
    }
}

//! The actions of which the transactions consist.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use cellstack_core::cell_table::{Item, SORT_KEY, TENANT_ID, key, number};
use cellstack_core::fence::{FENCE_SHARDS, FenceState, shard_key};
use cellstack_core::registry::{CONFIG, CellStatus, PARTITION_KEY, STATE, pairs, partition};
use cellstack_core::{CellId, Epoch, RouteState, TenantId};

use super::{Order, Placement, Site};

/// The result of building an action.
pub(crate) type Built = Result<TransactWriteItem, BuildError>;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn registry_key(pk: String, sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(PARTITION_KEY.to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), text(sk))])
}

fn update(update: Update) -> TransactWriteItem {
    TransactWriteItem::builder().update(update).build()
}

impl Placement<'_> {
    /// Writes the tenant's entry. It holds if the tenant has no cell and had none at this epoch.
    pub(super) fn put_entry(&self, order: &Order<'_>, epoch: Epoch, now_ms: u64) -> Built {
        let mut item: Item = HashMap::from([
            (TENANT_ID.to_owned(), text(order.tenant.as_str())),
            ("cell_id".to_owned(), text(order.home.id.as_str())),
            ("epoch".to_owned(), number(epoch.0)),
            ("state".to_owned(), text(RouteState::Active.as_str())),
            ("weight".to_owned(), number(order.weight)),
            ("pinned".to_owned(), AttributeValue::Bool(order.pinned)),
            ("updated_at".to_owned(), number(now_ms)),
            ("updated_by".to_owned(), text(self.operator)),
        ]);
        if let Some(standby) = &order.standby {
            item.insert("standby_cell_id".to_owned(), text(standby.id.as_str()));
        }
        let put = Put::builder()
            .table_name(self.map_table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(tenant_id) OR (#state = :removed AND #epoch < :epoch)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":removed", text(RouteState::Removed.as_str()))
            .expression_attribute_values(":epoch", number(epoch.0))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Checks that Terraform has stamped the cell, with the capacity that the caller knows.
    pub(crate) fn check_capacity(&self, site: &Site) -> Built {
        let check = ConditionCheck::builder()
            .table_name(self.registry)
            .set_key(Some(registry_key(partition(&site.id), CONFIG)))
            // A configuration of an earlier version has none.
            .condition_expression("attribute_exists(pk) AND (#capacity = :capacity OR attribute_not_exists(#capacity))")
            .expression_attribute_names("#capacity", "capacity")
            .expression_attribute_values(":capacity", number(site.capacity))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Counts tenants into a cell. It holds if the cell is active and has room for their weights.
    pub(crate) fn count_in(&self, site: &Site, tenants: u64, weight: u64) -> Built {
        let room = site.capacity.saturating_sub(weight);
        let counted = Update::builder()
            .table_name(self.registry)
            .set_key(Some(registry_key(partition(&site.id), STATE)))
            .update_expression("ADD tenants :tenants, placed :weight, rev :one")
            .condition_expression("#status = :active AND (attribute_not_exists(placed) OR placed <= :room)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", text(CellStatus::Active.as_str()))
            .expression_attribute_values(":room", number(room))
            .expression_attribute_values(":tenants", number(tenants))
            .expression_attribute_values(":weight", number(weight))
            .expression_attribute_values(":one", number(1))
            .build()?;
        Ok(update(counted))
    }

    /// Counts a tenant out of its cell.
    pub(crate) fn count_out(&self, home: &CellId, weight: u64) -> Built {
        let minus = |value: u64| AttributeValue::N(format!("-{value}"));
        let counted = Update::builder()
            .table_name(self.registry)
            .set_key(Some(registry_key(partition(home), STATE)))
            .update_expression("ADD tenants :tenants, placed :weight, rev :one")
            .expression_attribute_values(":tenants", minus(1))
            .expression_attribute_values(":weight", minus(weight))
            .expression_attribute_values(":one", number(1))
            .build()?;
        Ok(update(counted))
    }

    /// Counts tenants into, or out of, those that share a home and a standby.
    pub(crate) fn count_pair(&self, home: &CellId, standby: &CellId, by: i64) -> Built {
        let counted = Update::builder()
            .table_name(self.registry)
            .set_key(Some(registry_key(pairs(home), standby.as_str())))
            .update_expression("ADD tenants :by")
            .expression_attribute_values(":by", AttributeValue::N(by.to_string()))
            .build()?;
        Ok(update(counted))
    }

    /// Checks that a cell serves, so that no standby holds events of its tenants.
    pub(super) fn check_serves(&self, cell: &CellId) -> Built {
        let check = ConditionCheck::builder()
            .table_name(self.registry)
            .set_key(Some(registry_key(partition(cell), STATE)))
            .condition_expression("attribute_not_exists(#status) OR #status IN (:active, :full, :draining)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", text(CellStatus::Active.as_str()))
            .expression_attribute_values(":full", text(CellStatus::Full.as_str()))
            .expression_attribute_values(":draining", text(CellStatus::Draining.as_str()))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Checks that a standby serves.
    pub(crate) fn check_standby(&self, standby: &CellId) -> Built {
        let check = ConditionCheck::builder()
            .table_name(self.registry)
            .set_key(Some(registry_key(partition(standby), STATE)))
            .condition_expression("#status IN (:active, :full)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", text(CellStatus::Active.as_str()))
            .expression_attribute_values(":full", text(CellStatus::Full.as_str()))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

/// Closes a tenant's fence in a cell, one action per shard. It holds unless the fence has a later epoch.
pub(super) fn closing(table: &str, tenant: &TenantId, epoch: Epoch) -> Result<Vec<TransactWriteItem>, BuildError> {
    let close = |shard| {
        let closed = Update::builder()
            .table_name(table)
            .set_key(Some(key(tenant, shard_key(shard))))
            .update_expression("SET #state = :closed, #epoch = :epoch")
            .condition_expression("attribute_not_exists(#epoch) OR #epoch <= :epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":closed", text(FenceState::Closed.as_str()))
            .expression_attribute_values(":epoch", number(epoch.0))
            .build()?;
        Ok(update(closed))
    };
    (0..FENCE_SHARDS).map(close).collect()
}

/// Opens a tenant's fence in its standby, one action per shard, also where it was closed at the same epoch because
/// another standby was appointed: the map's entry, in the same transaction, says that this one is the standby again.
pub(super) fn appointing(table: &str, tenant: &TenantId, epoch: Epoch) -> Result<Vec<TransactWriteItem>, BuildError> {
    let put = |shard| {
        let mut item: Item = key(tenant, shard_key(shard));
        item.insert("epoch".to_owned(), number(epoch.0));
        item.insert("state".to_owned(), text(FenceState::Standby.as_str()));
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(format!(
                "attribute_not_exists({SORT_KEY}) OR #epoch < :epoch OR (#epoch = :epoch AND #state <> :open)"
            ))
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", number(epoch.0))
            .expression_attribute_values(":open", text(FenceState::Open.as_str()))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    };
    (0..FENCE_SHARDS).map(put).collect()
}

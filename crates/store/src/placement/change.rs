//! Changes of a tenant that keep its cell, and its removal.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::cell_table::{TENANT_ID, number};
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::{RouteState, TenantId};
use cellstack_placement::Refusal;

use super::actions::{appointing, closing};
use super::{Placement, PlacementError, Site};
use crate::carry::{Homeward, held};
use crate::tenant_map::TenantEntry;

const WHAT: &str = "change a tenant";

impl Placement<'_> {
    /// Reads the entry of a tenant that may be changed.
    ///
    /// # Errors
    /// When the tenant has no cell or is being moved, or the map can't be read.
    pub async fn settled(&self, tenant: &TenantId) -> Result<TenantEntry, PlacementError> {
        let entry = self.map().entry(tenant).await?.filter(TenantEntry::is_placed);
        let entry = entry.ok_or_else(|| PlacementError::NotPlaced { tenant: tenant.clone() })?;
        match entry.route.state {
            RouteState::Active => Ok(entry),
            found => Err(PlacementError::Moving { tenant: tenant.clone(), found }),
        }
    }

    /// Appoints the cell that holds a tenant's new events while its own is marked down, or dismisses the one it has. The
    /// fence of the one that was is closed, and what it held until then is carried home. Safe to run again.
    ///
    /// # Errors
    /// When the map no longer holds `entry`, the standby does not serve, the one that was may hold events, or a table can't be
    /// written.
    pub async fn appoint_standby(
        &self,
        entry: &TenantEntry,
        standby: Option<&Site>,
        was: Option<&Site>,
        now_ms: u64,
    ) -> Result<(), PlacementError> {
        let home = self.examine_standbys(entry, standby, was).await?;
        let actions = self.appointment(entry, standby, was, now_ms)?;
        match self.change(entry, actions).await {
            Err(PlacementError::Contended { tenant }) => {
                self.examine_standbys(entry, standby, was).await?;
                return Err(PlacementError::Contended { tenant });
            }
            changed => changed?,
        }
        if let Some(was) = was {
            let (client, tenant) = (self.client, &entry.route.tenant_id);
            Homeward { client, tenant, standby: &was.table, home: &home }.carry(entry.route.epoch).await?;
        }
        Ok(())
    }

    /// Checks that a tenant may get a standby in place of the one that it has. Events that this one holds would be lost from sight.
    /// Returns the table of the tenant's cell.
    ///
    /// # Errors
    /// When it may not, or a table can't be read.
    pub async fn examine_standbys(
        &self,
        entry: &TenantEntry,
        standby: Option<&Site>,
        was: Option<&Site>,
    ) -> Result<String, PlacementError> {
        let (tenant, home) = (entry.route.tenant_id.clone(), entry.route.cell_id.clone());
        if let Some(standby) = standby {
            if standby.id == home {
                return Err(Refusal::StandbyIsHome { cell: home }.into());
            }
            self.examine_standby(&standby.id).await?;
        }
        let cell = self.cell(&home).await?;
        if let Some(was) = was {
            if !cell.status().serves() {
                return Err(PlacementError::HomeNotUp { tenant, home });
            }
            let held = held(self.client, &was.table, &tenant).await?;
            if held > 0 {
                return Err(PlacementError::Holds { tenant, home, standby: was.id.clone(), held });
            }
        }
        Ok(cell.config.table)
    }

    fn appointment(
        &self,
        entry: &TenantEntry,
        standby: Option<&Site>,
        was: Option<&Site>,
        now_ms: u64,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let (route, home) = (&entry.route, &entry.route.cell_id);
        let expression = match standby {
            Some(_) => "SET standby_cell_id = :standby, updated_at = :now, updated_by = :operator",
            None => "SET updated_at = :now, updated_by = :operator REMOVE standby_cell_id",
        };
        let mut update = self.update(entry, expression, now_ms);
        let mut actions = Vec::new();
        if let Some(standby) = standby {
            update = update.expression_attribute_values(":standby", AttributeValue::S(standby.id.as_str().to_owned()));
            actions.push(self.check_standby(&standby.id)?);
            actions.push(self.count_pair(home, &standby.id, 1)?);
            actions.extend(appointing(&standby.table, &route.tenant_id, route.epoch)?);
        }
        if let Some(was) = was {
            actions.push(self.check_serves(home)?);
            actions.push(self.count_pair(home, &was.id, -1)?);
            actions.extend(closing(&was.table, &route.tenant_id, route.epoch)?);
        }
        actions.push(TransactWriteItem::builder().update(update.build()?).build());
        Ok(actions)
    }

    /// Pins a tenant to its cell, or unpins it. Plans leave a pinned tenant where it is.
    ///
    /// # Errors
    /// When the map no longer holds `entry`, or can't be written.
    pub async fn pin(&self, entry: &TenantEntry, pinned: bool, now_ms: u64) -> Result<(), PlacementError> {
        let update = self.update(entry, "SET pinned = :pinned, updated_at = :now, updated_by = :operator", now_ms);
        let update = update.expression_attribute_values(":pinned", AttributeValue::Bool(pinned)).build()?;
        self.change(entry, vec![TransactWriteItem::builder().update(update).build()]).await
    }

    /// Removes a tenant from its cell. Its fences are closed, and its entry stays in state `removed`. Its data stays in
    /// the cell's table. Routers that have its route serve it for a lease longer, where no fence is checked.
    ///
    /// # Errors
    /// When the map no longer holds `entry`, or a table can't be written.
    pub async fn unplace(
        &self,
        entry: &TenantEntry,
        home: &Site,
        standby: Option<&Site>,
        now_ms: u64,
    ) -> Result<(), PlacementError> {
        let route = &entry.route;
        let expression =
            "SET #state = :removed, updated_at = :now, updated_by = :operator REMOVE standby_cell_id, pinned";
        let update = self.update(entry, expression, now_ms);
        let removed = AttributeValue::S(RouteState::Removed.as_str().to_owned());
        let update = update.expression_attribute_values(":removed", removed).build()?;
        let mut actions =
            vec![TransactWriteItem::builder().update(update).build(), self.count_out(&route.cell_id, entry.weight)?];
        actions.extend(closing(&home.table, &route.tenant_id, route.epoch)?);
        if let Some(standby) = standby {
            actions.push(self.count_pair(&route.cell_id, &standby.id, -1)?);
            actions.extend(closing(&standby.table, &route.tenant_id, route.epoch)?);
        }
        self.change(entry, actions).await
    }

    /// Begins an update of the map that holds while the map has this entry.
    pub(crate) fn update(
        &self,
        entry: &TenantEntry,
        expression: &str,
        now_ms: u64,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let route = &entry.route;
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut condition = "cell_id = :cell AND #epoch = :epoch AND #state = :active".to_owned();
        let mut update = Update::builder()
            .table_name(self.map_table)
            .set_key(Some(HashMap::from([(TENANT_ID.to_owned(), text(route.tenant_id.as_str()))])))
            .update_expression(expression)
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":operator", text(self.operator))
            .expression_attribute_values(":cell", text(route.cell_id.as_str()))
            .expression_attribute_values(":epoch", number(route.epoch.0))
            .expression_attribute_values(":active", text(RouteState::Active.as_str()));
        match &route.standby_cell_id {
            Some(standby) => {
                condition.push_str(" AND standby_cell_id = :before");
                update = update.expression_attribute_values(":before", text(standby.as_str()));
            }
            None => condition.push_str(" AND attribute_not_exists(standby_cell_id)"),
        }
        update.condition_expression(condition)
    }

    pub(crate) async fn change(
        &self,
        entry: &TenantEntry,
        actions: Vec<TransactWriteItem>,
    ) -> Result<(), PlacementError> {
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        let contended = || PlacementError::Contended { tenant: entry.route.tenant_id.clone() };
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
            let Err(error) = sent else { return Ok(()) };
            let Some(reasons) = cancellation(&error) else { return Err(AwsFailure::of(WHAT, error).into()) };
            if reasons.iter().any(is_refused) {
                return Err(contended());
            }
            if !reasons.iter().all(is_transient) {
                return Err(AwsFailure::of(WHAT, error).into());
            }
            if !backoff.pause().await {
                return Err(contended());
            }
        }
    }
}

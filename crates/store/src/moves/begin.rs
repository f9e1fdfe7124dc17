//! The beginning of a move.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use cellstack_core::{CellId, EventId};
use cellstack_placement::Refusal;

use super::record::{MoveId, MoveRecord, Phase, one, text};
use super::{MoveError, Path};
use crate::placement::{Placement, PlacementError, is_here};
use crate::tenant_map::TenantEntry;

/// A tenant that is to move.
#[derive(Debug, Clone)]
pub struct MoveOrder<'a> {
    /// Its entry, as the operator saw it.
    pub entry: &'a TenantEntry,
    /// The cells.
    pub path: &'a Path<'a>,
    /// The id of the move.
    pub id: MoveId,
    /// The run that begins it.
    pub run: EventId,
    /// The operator's reason.
    pub reason: &'a str,
    /// The time from which on the source's copy may be purged.
    pub retain_until: u64,
    /// Counts that are on record from the beginning: the prediction.
    pub counts: BTreeMap<String, u64>,
}

impl Placement<'_> {
    /// Begins a move: one transaction marks the tenant `moving` in the map, reserves room in the destination, and puts the move on
    /// record.
    ///
    /// # Errors
    /// When the map no longer has the entry, the destination does not take the tenant, or a table can't be written. Nothing has
    /// changed then.
    pub async fn begin_move(&self, order: &MoveOrder<'_>, now_ms: u64) -> Result<MoveRecord, MoveError> {
        let MoveOrder { entry, path, .. } = order;
        may_begin(entry, path)?;
        let record = self.record_of(order, now_ms);
        let actions = self.beginning(order, &record, now_ms)?;
        match self.change(entry, actions).await {
            Ok(()) => Ok(record),
            Err(PlacementError::Contended { tenant }) => {
                let now = self.map().entry(&tenant).await?;
                if let Some(id) = now.and_then(|entry| entry.migration_id) {
                    match one(self.client, self.registry, id).await? {
                        // An earlier try wrote it, and its response was lost.
                        Some(found) if found.run == order.run => return Ok(found),
                        Some(found) => return Err(MoveError::UnderWay(Box::new(found))),
                        None => {}
                    }
                }
                self.examine_destination(entry, path).await?;
                Err(PlacementError::Contended { tenant }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks what the beginning of a move checks, and changes nothing.
    ///
    /// # Errors
    /// When the destination does not take the tenant, or the registry can't be read.
    pub async fn examine_move(&self, entry: &TenantEntry, path: &Path<'_>) -> Result<(), MoveError> {
        may_begin(entry, path)?;
        self.examine_destination(entry, path).await
    }

    async fn examine_destination(&self, entry: &TenantEntry, path: &Path<'_>) -> Result<(), MoveError> {
        self.examine_home(&path.destination.id, entry.weight).await?;
        if let Some(standby) = path.next_standby.filter(|standby| standby.id != entry.route.cell_id) {
            self.examine_standby(&standby.id).await?;
        }
        Ok(())
    }

    fn record_of(&self, order: &MoveOrder<'_>, now_ms: u64) -> MoveRecord {
        let MoveOrder { entry, path, id, run, reason, retain_until, counts } = order;
        let (route, to, standby) = (&entry.route, path.destination, path.next_standby);
        MoveRecord {
            id: *id,
            tenant: route.tenant_id.clone(),
            from: route.cell_id.clone(),
            to: to.id.clone(),
            epoch: route.epoch,
            standby_before: route.standby_cell_id.clone(),
            standby_after: standby.map(|standby| standby.id.clone()),
            weight: entry.weight,
            phase: Phase::Moving,
            carries: false,
            run: *run,
            beat: 0,
            by: self.operator.to_owned(),
            at: now_ms,
            started_by: self.operator.to_owned(),
            reason: (*reason).to_owned(),
            times: BTreeMap::from([(Phase::Moving, now_ms)]),
            counts: counts.clone(),
            retain_until: Some(*retain_until),
        }
    }

    fn beginning(
        &self,
        order: &MoveOrder<'_>,
        record: &MoveRecord,
        now_ms: u64,
    ) -> Result<Vec<TransactWriteItem>, MoveError> {
        let MoveOrder { entry, path, .. } = order;
        let (to, standby) = (path.destination, path.next_standby);
        let set =
            "SET #state = :moving, migration_id = :move, moving_to = :to, updated_at = :now, updated_by = :operator";
        let map = self
            .update(entry, set, now_ms)
            .expression_attribute_values(":moving", text("moving"))
            .expression_attribute_values(":move", text(&record.id.to_string()))
            .expression_attribute_values(":to", text(to.id.as_str()))
            .build()?;
        let put = Put::builder()
            .table_name(self.registry)
            .set_item(Some(record.to_item()?))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        let mut actions = vec![
            TransactWriteItem::builder().update(map).build(),
            TransactWriteItem::builder().put(put).build(),
            self.check_capacity(to)?,
            self.count_in(to, 1, entry.weight)?,
        ];
        // The source serves, or the tenant could not be drained out of it.
        if let Some(standby) = standby.filter(|standby| standby.id != entry.route.cell_id) {
            actions.push(self.check_standby(&standby.id)?);
        }
        Ok(actions)
    }
}

/// Checks the parts of a move that need no read of the registry.
fn may_begin(entry: &TenantEntry, path: &Path<'_>) -> Result<(), MoveError> {
    let (route, to) = (&entry.route, path.destination);
    for site in [Some(path.source), Some(to), path.standby, path.next_standby].into_iter().flatten() {
        if !is_here(site) {
            return Err(MoveError::Elsewhere { cell: site.id.clone() });
        }
    }
    if route.cell_id == to.id {
        return Err(MoveError::AlreadyThere { tenant: route.tenant_id.clone(), cell: to.id.clone() });
    }
    if entry.weight > to.capacity {
        let (cell, capacity, weight) = (to.id.clone(), to.capacity, entry.weight);
        return Err(PlacementError::from(Refusal::Full { cell, placed: 0, capacity, weight }).into());
    }
    Ok(())
}

/// Returns a cell's id as an attribute.
pub(super) fn cell(id: &CellId) -> AttributeValue {
    text(id.as_str())
}

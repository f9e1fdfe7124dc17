//! The first cell of a tenant.

use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::fence::FenceState;
use cellstack_core::ids::PROBE_TENANT;
use cellstack_core::limits::{FENCE_TIMEOUT, PLACE_TIMEOUT, REPLACE_WAIT};
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Epoch, RouteState, TenantId, TenantRoute};
use cellstack_placement::Refusal;
use tokio::time::Instant;

use super::epoch::first_epoch;
use super::{Order, Placed, Placement, PlacementError, Site};
use crate::cells::{self, Cell};
use crate::fence::{self, FenceError};
use crate::tenant_map::TenantEntry;

pub(super) const WHAT: &str = "place a tenant";

impl Placement<'_> {
    /// Places a tenant in a cell. Safe to run again, and under races: one cell wins, and each caller learns which.
    ///
    /// A tenant that was never placed costs one transaction. Reads follow only where a condition did not hold.
    ///
    /// # Errors
    /// When the tenant may not be placed there, or a table can't be written. Nothing was changed then.
    pub async fn place(&self, order: &Order<'_>, now_ms: u64) -> Result<Placed, PlacementError> {
        let home = &order.home;
        allow(order.tenant, None, now_ms)?;
        if order.standby.as_ref().is_some_and(|standby| standby.id == home.id) {
            return Err(Refusal::StandbyIsHome { cell: home.id.clone() }.into());
        }
        if order.weight > home.capacity {
            let (cell, capacity) = (home.id.clone(), home.capacity);
            return Err(Refusal::Full { cell, placed: 0, capacity, weight: order.weight }.into());
        }
        let (mut order, mut epoch) = (order.clone(), Epoch::FIRST);
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            self.open_elsewhere(&order, epoch).await?;
            let actions = self.placing(&order, epoch, now_ms)?;
            let sent = self.client.transact_write_items().set_transact_items(Some(actions)).send().await;
            let Err(error) = sent else { return Ok(Placed::New(self.entry(&order, epoch, now_ms))) };
            let Some(reasons) = cancellation(&error) else { return Err(AwsFailure::of(WHAT, error).into()) };
            if reasons.iter().any(is_refused) {
                match self.examine(&order, now_ms).await? {
                    Examined::Already(entry) => return Ok(Placed::Already(entry)),
                    Examined::Allowed { from, capacity } => {
                        epoch = from;
                        order.home.capacity = capacity;
                    }
                }
            } else if !reasons.iter().all(is_transient) {
                return Err(AwsFailure::of(WHAT, error).into());
            }
            if !backoff.pause().await {
                return Err(PlacementError::Contended { tenant: order.tenant.clone() });
            }
        }
    }

    fn placing(&self, order: &Order<'_>, epoch: Epoch, now_ms: u64) -> Result<Vec<TransactWriteItem>, BuildError> {
        let Order { tenant, home, standby, weight, .. } = order;
        let mut actions =
            vec![self.put_entry(order, epoch, now_ms)?, self.check_capacity(home)?, self.count_in(home, 1, *weight)?];
        if is_here(home) {
            actions.extend(fence::opening(&home.table, tenant, epoch, FenceState::Open)?);
        }
        if let Some(standby) = standby {
            actions.push(self.check_standby(&standby.id)?);
            actions.push(self.count_pair(&home.id, &standby.id, 1)?);
            if is_here(standby) {
                actions.extend(fence::opening(&standby.table, tenant, epoch, FenceState::Standby)?);
            }
        }
        Ok(actions)
    }

    /// Opens the fences in cells of other accounts. The transaction can't reach them.
    async fn open_elsewhere(&self, order: &Order<'_>, epoch: Epoch) -> Result<(), PlacementError> {
        let home = Some((&order.home, FenceState::Open));
        let standby = order.standby.as_ref().map(|standby| (standby, FenceState::Standby));
        for (site, state) in home.into_iter().chain(standby).filter(|(site, _)| !is_here(site)) {
            let deadline = Instant::now() + FENCE_TIMEOUT;
            match fence::open(self.client, &site.table, order.tenant, epoch, state, deadline).await {
                // The transaction is going to be refused for the fence's sake, or the next try has a later epoch.
                Ok(()) | Err(FenceError::Refused) => {}
                Err(FenceError::Failed(failure)) => return Err(failure.into()),
            }
        }
        Ok(())
    }

    fn entry(&self, order: &Order<'_>, epoch: Epoch, now_ms: u64) -> TenantEntry {
        let route = TenantRoute {
            epoch,
            standby_cell_id: order.standby.as_ref().map(|standby| standby.id.clone()),
            ..TenantRoute::first(order.tenant.clone(), order.home.id.clone())
        };
        let (weight, pinned, updated_by) = (order.weight, order.pinned, self.operator.to_owned());
        TenantEntry { route, weight, pinned, updated_at: now_ms, updated_by, migration_id: None, moving_to: None }
    }

    /// Finds out why a placement was refused.
    async fn examine(&self, order: &Order<'_>, now_ms: u64) -> Result<Examined, PlacementError> {
        let mut from = Epoch::FIRST;
        if let Some(entry) = self.map().entry(order.tenant).await? {
            if entry.route.state != RouteState::Removed {
                return Ok(Examined::Already(entry));
            }
            allow(order.tenant, Some(&entry), now_ms)?;
            from = Epoch(entry.route.epoch.0.saturating_add(1));
        }
        let capacity = self.examine_home(&order.home.id, order.weight).await?;
        from =
            from.max(first_epoch(&fence::read(self.client, &order.home.table, order.tenant).await?, FenceState::Open));
        if let Some(standby) = &order.standby {
            self.examine_standby(&standby.id).await?;
            let fence = fence::read(self.client, &standby.table, order.tenant).await?;
            from = from.max(first_epoch(&fence, FenceState::Standby));
        }
        Ok(Examined::Allowed { from, capacity })
    }

    /// Returns the capacity of a home that takes a tenant of this weight.
    pub(crate) async fn examine_home(&self, home: &CellId, weight: u64) -> Result<u64, PlacementError> {
        let cell = self.cell(home).await?;
        let (id, capacity) = (cell.id, cell.config.capacity);
        let Some(state) = cell.state else { return Err(Refusal::NotBootstrapped { cell: id }.into()) };
        if state.status != CellStatus::Active {
            return Err(Refusal::NotActive { cell: id, found: state.status }.into());
        }
        if state.placed.saturating_add(weight) > capacity {
            return Err(Refusal::Full { cell: id, placed: state.placed, capacity, weight }.into());
        }
        Ok(capacity)
    }

    /// Checks that a standby serves.
    pub(crate) async fn examine_standby(&self, id: &CellId) -> Result<(), PlacementError> {
        let cell = self.cell(id).await?;
        match cell.state.map(|state| state.status) {
            Some(CellStatus::Active | CellStatus::Full) => Ok(()),
            found => Err(Refusal::StandbyNotServing { cell: cell.id, found }.into()),
        }
    }

    pub(super) async fn cell(&self, id: &CellId) -> Result<Cell, PlacementError> {
        let cell = cells::one(self.client, self.registry, id).await?;
        cell.ok_or_else(|| Refusal::UnknownCell { cell: id.clone() }.into())
    }
}

/// Checks that a tenant without a cell may be given one. `entry` is what the map has of it.
///
/// # Errors
/// When its id is the probes' own, or it was removed a short time ago.
pub fn allow(tenant: &TenantId, entry: Option<&TenantEntry>, now_ms: u64) -> Result<(), PlacementError> {
    let tenant = tenant.clone();
    if tenant.as_str() == PROBE_TENANT {
        return Err(PlacementError::Reserved { tenant });
    }
    let Some(entry) = entry.filter(|entry| !entry.is_placed()) else { return Ok(()) };
    let wait = u64::try_from(REPLACE_WAIT.as_millis()).unwrap_or(u64::MAX);
    match entry.updated_at.saturating_add(wait).saturating_sub(now_ms) {
        0 => Ok(()),
        left => Err(PlacementError::RemovedLately { tenant, left: Duration::from_millis(left) }),
    }
}

/// The explanation of a refused transaction.
enum Examined {
    /// The tenant has a cell.
    Already(TenantEntry),
    /// The placement may be tried again, from this epoch on, with this capacity of the home.
    Allowed { from: Epoch, capacity: u64 },
}

/// Returns whether a transaction reaches the cell's table: an ARN leads to another account.
pub(crate) fn is_here(site: &Site) -> bool {
    !site.table.starts_with("arn:")
}

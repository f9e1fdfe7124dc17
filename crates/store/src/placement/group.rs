//! The first cell of several tenants, by one transaction.
//!
//! The transactions of one home share its count, and conflict where they overlap. Several tenants in one of them save
//! both the conflicts and the round trips.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::fence::{FENCE_SHARDS, FenceState};
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::{CellId, Epoch};

use super::place::{WHAT, allow, is_here};
use super::{Order, Placement, PlacementError};
use crate::fence;

/// Actions of one transaction, at most (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const MAX_ACTIONS: usize = 100;

/// The end of a group's transaction, with the number of orders that it was for, from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// All of them were placed.
    Placed(usize),
    /// None of them was. [`Placement::place`] finds out why, or places them.
    Refused(usize),
}

/// The actions for some orders of one home.
#[derive(Debug, Default)]
struct Actions<'a> {
    all: Vec<TransactWriteItem>,
    orders: usize,
    weight: u64,
    standbys: BTreeMap<&'a CellId, i64>,
}

impl Placement<'_> {
    /// Places the first of these tenants, as many as fit into one transaction, all of them or none. They are new, and of one
    /// home.
    ///
    /// # Errors
    /// When a table can't be written.
    pub async fn place_group(&self, orders: &[Order<'_>], now_ms: u64) -> Result<Group, PlacementError> {
        let (taken, actions) = self.group(orders, now_ms)?;
        if taken == 0 {
            return Ok(Group::Refused(orders.len().min(1)));
        }
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
            let Err(error) = sent else { return Ok(Group::Placed(taken)) };
            let Some(reasons) = cancellation(&error) else { return Err(AwsFailure::of(WHAT, error).into()) };
            if reasons.iter().any(is_refused) {
                return Ok(Group::Refused(taken));
            }
            if !reasons.iter().all(is_transient) {
                return Err(AwsFailure::of(WHAT, error).into());
            }
            if !backoff.pause().await {
                return Ok(Group::Refused(taken));
            }
        }
    }

    /// Returns the actions for as many orders of one home as fit into a transaction, and their number.
    fn group(&self, orders: &[Order<'_>], now_ms: u64) -> Result<(usize, Vec<TransactWriteItem>), BuildError> {
        let mut group = Actions::default();
        for (at, order) in orders.iter().enumerate() {
            if !joins(order, &orders[..at]) || !group.has_room(order) {
                break;
            }
            group.all.push(self.put_entry(order, Epoch::FIRST, now_ms)?);
            group.all.extend(fence::opening(&order.home.table, order.tenant, Epoch::FIRST, FenceState::Open)?);
            if let Some(standby) = &order.standby {
                group.all.extend(fence::opening(&standby.table, order.tenant, Epoch::FIRST, FenceState::Standby)?);
                *group.standbys.entry(&standby.id).or_insert(0) += 1;
            }
            group.weight += order.weight;
            group.orders += 1;
        }
        let Actions { mut all, orders: taken, weight, standbys } = group;
        if taken > 0 {
            let home = &orders[0].home;
            all.extend([self.check_capacity(home)?, self.count_in(home, taken as u64, weight)?]);
            for (standby, count) in standbys {
                all.extend([self.check_standby(standby)?, self.count_pair(&home.id, standby, count)?]);
            }
        }
        Ok((taken, all))
    }
}

impl Actions<'_> {
    /// Returns whether an order fits: its actions into the transaction, its weight into the home.
    fn has_room(&self, order: &Order<'_>) -> bool {
        let own = 1 + usize::from(FENCE_SHARDS) * (1 + usize::from(order.standby.is_some()));
        let is_new = order.standby.as_ref().is_some_and(|standby| !self.standbys.contains_key(&standby.id));
        // The home's two, and two per standby.
        let shared = 2 + 2 * (self.standbys.len() + usize::from(is_new));
        let weight = self.weight.saturating_add(order.weight);
        self.all.len() + own + shared <= MAX_ACTIONS && weight <= order.home.capacity
    }
}

/// Returns whether an order may be in one transaction with those before it. A transaction has each item once, and reaches
/// no other account.
fn joins(order: &Order<'_>, before: &[Order<'_>]) -> bool {
    let is_reserved = allow(order.tenant, None, 0).is_err();
    let is_repeated = before.iter().any(|earlier| earlier.tenant == order.tenant);
    let has_own_home = order.standby.as_ref().is_none_or(|standby| standby.id != order.home.id);
    let is_of_home = before.first().is_none_or(|first| first.home == order.home);
    let is_reached = std::iter::once(&order.home).chain(&order.standby).all(is_here);
    !is_reserved && !is_repeated && has_own_home && is_of_home && is_reached
}

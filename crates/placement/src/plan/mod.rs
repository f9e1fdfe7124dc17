//! Plans that move tenants: made from what was read, looked at, kept in a file, and refused when the world has changed since.
//!
//! A plan is data. It says who goes where and why, and under which epoch each tenant was seen. Running it is a move per
//! tenant.

mod drain;
mod rebalance;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Epoch, TenantId};
use serde::{Deserialize, Serialize};

use crate::Fleet;

pub use drain::drain;
pub use rebalance::{Limits, Loads, rebalance};

/// The version of a plan's form. A plan of another version is refused.
pub const VERSION: u32 = 1;

/// A tenant as a plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The tenant.
    pub id: TenantId,
    /// The part of a cell's capacity that it takes.
    pub weight: u64,
    /// Its cell.
    pub home: CellId,
    /// Its standby.
    pub standby: Option<CellId>,
    /// True if it is to stay where it is.
    pub pinned: bool,
    /// Its epoch.
    pub epoch: Epoch,
    /// True if it is not being moved.
    pub settled: bool,
}

/// The kind of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Empties a cell.
    Drain(CellId),
    /// Brings cells into balance.
    Rebalance,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of its form.
    pub version: u32,
    /// Its kind.
    pub kind: Kind,
    /// The cells, by id, before and after it.
    pub cells: Vec<Load>,
    /// The moves.
    pub moves: Vec<Move>,
    /// The tenants that stay, and get another standby.
    pub standbys: Vec<StandbyChange>,
    /// The tenants that would have to move and do not, with the reason.
    pub left: Vec<Stays>,
    /// The moves that the bound on a plan cut off. Another plan, made after this one has run, has them.
    pub cut: u64,
}

/// A cell before and after a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The cell.
    pub cell: CellId,
    /// Its status when the plan was made; none if it was never bootstrapped.
    pub status: Option<CellStatus>,
    /// Its capacity.
    pub capacity: u64,
    /// The weights placed in it before.
    pub before: u64,
    /// The weights placed in it after.
    pub after: u64,
    /// The number of its tenants before.
    pub tenants_before: u64,
    /// The number of its tenants after.
    pub tenants_after: u64,
    /// Its measured load, where the plan stands on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// The measured load of a cell before and after a plan: the sum over its tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The load before.
    pub before: u64,
    /// The load after.
    pub after: u64,
}

/// A tenant's move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The tenant.
    pub tenant: TenantId,
    /// Its epoch when the plan was made.
    pub epoch: Epoch,
    /// The part of a cell's capacity that it takes.
    pub weight: u64,
    /// Its measured load, where the plan stands on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u64>,
    /// Its cell.
    pub from: CellId,
    /// The cell that it goes to.
    pub to: CellId,
    /// Its standby before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby_before: Option<CellId>,
    /// Its standby after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby_after: Option<CellId>,
}

/// A change of a tenant's standby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandbyChange {
    /// The tenant.
    pub tenant: TenantId,
    /// Its epoch when the plan was made.
    pub epoch: Epoch,
    /// Its cell, in which it stays.
    pub home: CellId,
    /// Its standby before.
    pub before: CellId,
    /// Its standby after; none where no other cell serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<CellId>,
}

/// A tenant that a plan leaves where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stays {
    /// The tenant.
    pub tenant: TenantId,
    /// The reason.
    pub reason: String,
}

impl Plan {
    /// Returns whether the plan changes nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.standbys.is_empty()
    }

    fn of(kind: Kind, before: &Fleet, after: &Fleet) -> Self {
        let load = |cell: &crate::Cell| {
            let now = after.cell(&cell.id).unwrap_or(cell);
            Load {
                cell: cell.id.clone(),
                status: cell.status,
                capacity: cell.capacity,
                before: cell.placed,
                after: now.placed,
                tenants_before: cell.tenants,
                tenants_after: now.tenants,
                measured: None,
            }
        };
        let cells = before.cells().iter().map(load).collect();
        Self { version: VERSION, kind, cells, moves: Vec::new(), standbys: Vec::new(), left: Vec::new(), cut: 0 }
    }

    /// Compares the plan with the world as it is now. Returns what has changed since the plan was made: a plan whose world
    /// has changed must not be run.
    #[must_use]
    pub fn check(&self, fleet: &Fleet, tenants: &[Tenant]) -> Vec<String> {
        let mut changed = Vec::new();
        if self.version != VERSION {
            changed.push(format!("the plan's form has version {}, expected {VERSION}", self.version));
            return changed;
        }
        for Load { cell, status, .. } in &self.cells {
            let now = fleet.cell(cell).map(|now| now.status);
            // A drain marks its own cell after the plan is made.
            let drains = matches!(&self.kind, Kind::Drain(drained) if drained == cell);
            if now != Some(*status) && !(drains && now == Some(Some(CellStatus::Draining))) {
                let name = |status: Option<CellStatus>| status.map_or("new", CellStatus::as_str);
                let now = now.map_or("gone", name);
                changed.push(format!("cell {cell} was {}, and is {now}", name(*status)));
            }
        }
        let by_id: BTreeMap<&TenantId, &Tenant> = tenants.iter().map(|tenant| (&tenant.id, tenant)).collect();
        let moves = self.moves.iter().map(|a| (&a.tenant, a.epoch, &a.from, a.standby_before.as_ref()));
        let standbys = self.standbys.iter().map(|a| (&a.tenant, a.epoch, &a.home, Some(&a.before)));
        for (tenant, epoch, home, standby) in moves.chain(standbys) {
            changed.extend(difference(by_id.get(tenant).copied(), tenant, (epoch, home, standby)));
        }
        let pinned = |planned: &&Move| by_id.get(&planned.tenant).is_some_and(|tenant| tenant.pinned);
        for Move { tenant, from, .. } in self.moves.iter().filter(pinned) {
            changed.push(format!("tenant {tenant} is pinned to {from}"));
        }
        changed
    }
}

fn difference(
    now: Option<&Tenant>,
    tenant: &TenantId,
    (epoch, home, standby): (Epoch, &CellId, Option<&CellId>),
) -> Option<String> {
    let Some(now) = now else { return Some(format!("tenant {tenant} is not placed any more")) };
    let name = |standby: Option<&CellId>| standby.map_or("none", CellId::as_str).to_owned();
    if !now.settled {
        Some(format!("tenant {tenant} is being moved"))
    } else if now.epoch != epoch || now.home != *home {
        Some(format!(
            "tenant {tenant} was in {home} at epoch {}, and is in {} at epoch {}",
            epoch.0, now.home, now.epoch.0
        ))
    } else if now.standby.as_ref() != standby {
        Some(format!("tenant {tenant} had the standby {}, and has {}", name(standby), name(now.standby.as_ref())))
    } else {
        None
    }
}

//! The placement of tenants, one by one and in bulk.

mod bulk;
mod dry_run;
mod entries;
mod one;
mod source;

use cellstack_core::{CellId, TenantId};
use cellstack_placement::{Choice, StandbyRequest};
use cellstack_store::tenant_map::TenantEntry;
use serde::Serialize;

pub(crate) use bulk::{Run, place_all};
pub(crate) use dry_run::rehearse;
pub(crate) use source::read;

/// A tenant that is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) tenant: TenantId,
    pub(crate) cell: Option<CellId>,
    pub(crate) standby: StandbyRequest,
    pub(crate) weight: u64,
    pub(crate) pinned: bool,
}

/// The outcome for one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub(crate) enum Outcome {
    /// It was placed, or with a dry run would be.
    Placed {
        tenant: TenantId,
        cell: CellId,
        standby: Option<CellId>,
        /// Other tenants that have both cells.
        sharing: u64,
    },
    /// It has a cell already, and stays there.
    Already { tenant: TenantId, cell: CellId, standby: Option<CellId> },
    /// It has another cell than the one that was asked for, and stays there.
    Elsewhere { tenant: TenantId, cell: CellId, standby: Option<CellId> },
    /// It was not placed.
    Refused { tenant: TenantId, reason: String },
}

impl Outcome {
    /// Returns whether the tenant is where it was wanted.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Placed { .. } | Self::Already { .. })
    }

    /// Returns the outcome for a tenant that has this entry in the map.
    pub(crate) fn of_entry(wanted: &Wanted, entry: TenantEntry) -> Self {
        Self::kept(wanted, entry.route.cell_id, entry.route.standby_cell_id)
    }

    /// Returns the outcome for a tenant that has these cells already.
    pub(crate) fn kept(wanted: &Wanted, cell: CellId, standby: Option<CellId>) -> Self {
        let tenant = wanted.tenant.clone();
        if wanted.cell.as_ref().is_some_and(|wish| *wish != cell) {
            return Self::Elsewhere { tenant, cell, standby };
        }
        Self::Already { tenant, cell, standby }
    }

    /// Returns the outcome for a tenant that got these cells.
    pub(crate) fn placed(wanted: &Wanted, choice: Choice) -> Self {
        let Choice { home: cell, standby, sharing } = choice;
        Self::Placed { tenant: wanted.tenant.clone(), cell, standby, sharing }
    }

    /// Returns the row of a table: tenant, outcome, cell, standby, detail.
    pub(crate) fn row(&self) -> [String; 5] {
        let row = |tenant: &TenantId, outcome: &str, cells: Option<(&CellId, &Option<CellId>)>, detail: &str| {
            let cell = cells.map_or("-", |(cell, _)| cell.as_str());
            let standby = cells.and_then(|(_, standby)| standby.as_ref()).map_or("-", CellId::as_str);
            [tenant.as_str(), outcome, cell, standby, detail].map(ToOwned::to_owned)
        };
        match self {
            Self::Placed { tenant, cell, standby, .. } => row(tenant, "placed", Some((cell, standby)), ""),
            Self::Already { tenant, cell, standby } => row(tenant, "already", Some((cell, standby)), "it stays there"),
            Self::Elsewhere { tenant, cell, standby } => {
                row(tenant, "elsewhere", Some((cell, standby)), "it stays there; a move would take it to another cell")
            }
            Self::Refused { tenant, reason } => row(tenant, "refused", None, reason),
        }
    }

    pub(crate) fn refused(tenant: &TenantId, reason: impl ToString) -> Self {
        Self::Refused { tenant: tenant.clone(), reason: reason.to_string() }
    }
}

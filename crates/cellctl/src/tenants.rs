//! A tenant as it is shown.

use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, Epoch, EventId, RouteState, TenantId};
use cellstack_store::tenant_map::TenantEntry;
use serde::Serialize;

/// An entry of the tenant map, for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct ShownTenant<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) cell: &'a CellId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) standby: Option<&'a CellId>,
    pub(crate) state: RouteState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moving_to: Option<&'a CellId>,
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    pub(crate) migration_id: Option<EventId>,
    pub(crate) epoch: Epoch,
    pub(crate) weight: u64,
    pub(crate) pinned: bool,
    pub(crate) updated_at: String,
    pub(crate) updated_by: &'a str,
}

impl<'a> From<&'a TenantEntry> for ShownTenant<'a> {
    fn from(entry: &'a TenantEntry) -> Self {
        let route = &entry.route;
        Self {
            tenant: &route.tenant_id,
            cell: &route.cell_id,
            standby: route.standby_cell_id.as_ref(),
            state: route.state,
            moving_to: entry.moving_to.as_ref(),
            migration_id: entry.migration_id,
            epoch: route.epoch,
            weight: entry.weight,
            pinned: entry.pinned,
            updated_at: rfc3339(entry.updated_at),
            updated_by: &entry.updated_by,
        }
    }
}

/// The columns of a table of tenants.
pub(crate) const COLUMNS: [&str; 8] = ["tenant", "cell", "standby", "state", "epoch", "weight", "pinned", "changed by"];

impl ShownTenant<'_> {
    /// Returns the row in a table with [`COLUMNS`].
    pub(crate) fn row(&self) -> [String; 8] {
        [
            self.tenant.to_string(),
            self.cell.to_string(),
            self.standby.map_or("-", CellId::as_str).to_owned(),
            self.state.as_str().to_owned(),
            self.epoch.0.to_string(),
            self.weight.to_string(),
            if self.pinned { "yes" } else { "no" }.to_owned(),
            self.updated_by.to_owned(),
        ]
    }
}

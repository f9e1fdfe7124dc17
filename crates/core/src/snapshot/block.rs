//! A block of a snapshot: some tenants, sorted by id.

use std::collections::BTreeMap;

use super::InvalidSnapshot;
use super::error::unreadable;
use crate::registry::CellRecord;
use crate::{CellId, Epoch, RouteState, TenantId, TenantRoute};

/// A tenant's line: tenant, cell, epoch, state, standby cell.
pub(super) type Row<T, C> = (T, C, Epoch, RouteState, Option<C>);

/// Returns a tenant's line. It names every field of the route: a new field needs a place here, and a new version of the
/// format.
pub(super) fn row(route: &TenantRoute) -> Row<&TenantId, &CellId> {
    let TenantRoute { tenant_id, cell_id, epoch, state, standby_cell_id } = route;
    (tenant_id, cell_id, *epoch, *state, standby_cell_id.as_ref())
}

/// A block that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    routes: Box<[TenantRoute]>,
}

impl Block {
    /// Returns the tenant's entry. `None` proves nothing: the tenant may have been placed since.
    #[must_use]
    pub fn tenant(&self, tenant: &TenantId) -> Option<&TenantRoute> {
        let place = self.routes.binary_search_by(|route| route.tenant_id.cmp(tenant)).ok()?;
        self.routes.get(place)
    }

    /// Returns the entries, in the order of the tenants' ids.
    #[must_use]
    pub const fn routes(&self) -> &[TenantRoute] {
        &self.routes
    }

    /// Reads the lines of a block that begins with the tenant `first` and ends before `next`. All tenants of a cell share
    /// one copy of its name.
    pub(super) fn parse(
        bytes: &[u8],
        cells: &BTreeMap<CellId, CellRecord>,
        first: &TenantId,
        next: Option<&TenantId>,
    ) -> Result<Self, InvalidSnapshot> {
        let shared = |cell: CellId| cells.get_key_value(&cell).map_or(cell, |(known, _)| known.clone());
        let mut routes: Vec<TenantRoute> = Vec::new();
        for row in serde_json::Deserializer::from_slice(bytes).into_iter::<Row<TenantId, CellId>>() {
            let (tenant_id, cell, epoch, state, standby) = row.map_err(unreadable)?;
            if let Some(before) = routes.last() {
                ascending(&before.tenant_id, &tenant_id)?;
            } else if tenant_id != *first {
                return Err(unreadable(format_args!("the block of {first} begins with {tenant_id}")));
            }
            let standby_cell_id = standby.map(shared);
            routes.push(TenantRoute { tenant_id, cell_id: shared(cell), epoch, state, standby_cell_id });
        }
        let last = routes.last().ok_or_else(|| unreadable(format_args!("the block of {first} has no tenant")))?;
        if let Some(next) = next {
            ascending(&last.tenant_id, next)?;
        }
        Ok(Self { routes: routes.into() })
    }
}

/// Checks that a tenant comes behind another.
pub(super) fn ascending(before: &TenantId, after: &TenantId) -> Result<(), InvalidSnapshot> {
    if before < after {
        return Ok(());
    }
    Err(InvalidSnapshot::Order { before: before.to_string(), after: after.to_string() })
}

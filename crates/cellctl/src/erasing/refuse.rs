//! The tenants that may be erased.

use anyhow::{Result, bail};
use cellstack_core::{RouteState, TenantId};
use cellstack_store::placement::{PlacementError, allow};
use cellstack_store::tenant_map::TenantEntry;

/// Returns the entry of a tenant that has had no cell for so long that no router writes to one.
///
/// # Errors
/// Fails if the tenant has a cell, was removed a short time ago, or was never placed.
pub(crate) fn removed(tenant: &TenantId, entry: Option<TenantEntry>, now_ms: u64) -> Result<TenantEntry> {
    let Some(entry) = entry else {
        bail!("tenant {tenant} was never placed; expected one that `cellctl tenants ls --removed` lists");
    };
    match entry.route.state {
        RouteState::Removed => {}
        RouteState::Active => bail!(
            "tenant {tenant} is in cell {}; expected one without a cell: `cellctl tenants unplace {tenant}` removes it",
            entry.route.cell_id
        ),
        RouteState::Moving | RouteState::Fenced => bail!(
            "tenant {tenant} is being moved; expected one without a cell: wait until `cellctl moves ls --under-way` has ended, \
             then `cellctl tenants unplace {tenant}`"
        ),
    }
    match allow(tenant, Some(&entry), now_ms) {
        Err(PlacementError::RemovedLately { left, .. }) => bail!(
            "tenant {tenant} was removed a short time ago, and routers may write where it was for another {} s; erase it then",
            left.as_secs()
        ),
        other => other?,
    }
    Ok(entry)
}

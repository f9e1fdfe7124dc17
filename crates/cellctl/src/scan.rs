//! A scan of the tenant map and the registry.

use std::collections::HashMap;

use anyhow::Result;
use cellstack_core::Clock as _;
use cellstack_core::registry::CellRecord;
use cellstack_core::snapshot::Snapshot;
use cellstack_store::tenant_map::TenantEntry;

use crate::cells;
use crate::deployment::Deployment;

/// The snapshot that was read, and the entries that could not be.
pub(crate) struct Scan {
    pub(crate) snapshot: Snapshot,
    /// Entries of the map that are not in the control plane's form, each with the reason.
    pub(crate) unreadable: Vec<String>,
}

/// Reads every entry of the map, strongly consistent, and every cell of the registry.
///
/// The map changes meanwhile: each entry has the state of some moment since the scan began.
pub(crate) async fn take(deployment: &Deployment) -> Result<Scan> {
    let taken_at_ms = deployment.clock.wall_ms();
    let (mut tenants, mut unreadable) = (HashMap::new(), Vec::new());
    let entry = |entry: Result<TenantEntry, String>| match entry {
        Ok(entry) if entry.is_placed() => drop(tenants.insert(entry.route.tenant_id.clone(), entry.route)),
        Ok(_) => {}
        Err(reason) => unreadable.push(reason),
    };
    deployment.tenant_map().scan(entry).await?;
    // The cells are read after the map: a tenant that was placed meanwhile is in a cell that is here.
    let records = cells::list(deployment).await?.cells.into_iter().map(|cell| {
        let (status, down_at) = (cell.status(), cell.down_at());
        let retry_after = cell.state.and_then(|state| state.retry_after);
        let record = CellRecord { table: cell.config.table, status, down_at, retry_after };
        (cell.id, record)
    });
    Ok(Scan { snapshot: Snapshot { taken_at_ms, tenants, cells: records.collect() }, unreadable })
}

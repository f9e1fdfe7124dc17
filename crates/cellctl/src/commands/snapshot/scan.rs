//! A scan of the tenant map and the registry.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use cellstack_core::registry::CellRecord;
use cellstack_core::snapshot::{Draft, Encoded, InvalidSnapshot};
use cellstack_core::{CellId, Clock as _, TenantRoute};
use cellstack_store::tenant_map::TenantEntry;

use crate::cells;
use crate::deployment::Deployment;

/// The snapshot that was read, and the entries that could not be.
pub(crate) struct Scan {
    pub(crate) snapshot: Encoded,
    pub(crate) cells: BTreeMap<CellId, CellRecord>,
    /// Entries of the map that are not in the control plane's form, each with the reason.
    pub(crate) unreadable: Vec<String>,
}

/// Reads every entry of the map, strongly consistent, and every cell of the registry. Passes on each tenant's route.
///
/// The map changes meanwhile: each entry has the state of some moment since the scan began.
pub(crate) async fn take(deployment: &Deployment, mut each: impl FnMut(&TenantRoute)) -> Result<Scan> {
    let mut draft = Draft::new(deployment.clock.wall_ms());
    let (mut full, mut unreadable): (Result<(), InvalidSnapshot>, Vec<String>) = (Ok(()), Vec::new());
    let entry = |entry: Result<TenantEntry, String>| match entry {
        Ok(entry) if entry.is_placed() && full.is_ok() => {
            full = draft.insert(&entry.route);
            each(&entry.route);
        }
        Ok(_) => {}
        Err(reason) => unreadable.push(reason),
    };
    deployment.tenant_map().scan(entry).await?;
    let failed = "could not make a snapshot of the map";
    full.context(failed)?;
    // The cells are read after the map: a tenant that was placed meanwhile is in a cell that is here.
    let listing = cells::list(deployment).await?;
    let cells = listing.cells.iter().map(|cell| (cell.id.clone(), cell.record())).collect();
    Ok(Scan { snapshot: draft.encode(&cells).context(failed)?, cells, unreadable })
}

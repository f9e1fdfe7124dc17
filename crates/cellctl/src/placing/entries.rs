//! The entries that tenants have in the map before they are placed.

use anyhow::Result;
use cellstack_store::tenant_map::TenantEntry;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Wanted;
use crate::deployment::Deployment;

/// Reads of the map that are under way at once.
const READS_AT_ONCE: usize = 64;

/// Reads the entry of each tenant, in order; `None` for a tenant that never had one.
///
/// # Errors
/// When the map can't be read.
pub(crate) async fn entries(deployment: &Deployment, wanted: &[Wanted]) -> Result<Vec<Option<TenantEntry>>> {
    let map = &deployment.tenant_map();
    let read = |wish: &Wanted| {
        let tenant = wish.tenant.clone();
        async move { map.entry(&tenant).await }
    };
    Ok(stream::iter(wanted.iter().map(read)).buffered(READS_AT_ONCE).try_collect().await?)
}

//! A scan of the tenant map and the registry.

use std::collections::HashMap;

use anyhow::Result;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, TENANT_ID};
use cellstack_core::registry::CellRecord;
use cellstack_core::snapshot::Snapshot;
use cellstack_core::{Clock as _, TenantRoute};

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
    let mut pages = deployment
        .dynamodb
        .scan()
        .table_name(deployment.tenant_map_table())
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let (mut tenants, mut unreadable) = (HashMap::new(), Vec::new());
    while let Some(item) = pages.next().await {
        match entry(item.map_err(|error| AwsFailure::of("read the tenant map", error))?) {
            Ok(route) => {
                tenants.insert(route.tenant_id.clone(), route);
            }
            Err(reason) => unreadable.push(reason),
        }
    }
    // The cells are read after the map: a tenant that was placed meanwhile is in a cell that is here.
    let records = cells::all(deployment).await?.into_iter().map(|cell| {
        let record = CellRecord { table: cell.table, status: cell.status, down_at: cell.down_at };
        (cell.id, record)
    });
    Ok(Scan { snapshot: Snapshot { taken_at_ms, tenants, cells: records.collect() }, unreadable })
}

fn entry(item: Item) -> Result<TenantRoute, String> {
    let tenant = item.get(TENANT_ID).and_then(|tenant| tenant.as_s().ok()).cloned().unwrap_or_default();
    serde_dynamo::from_item(item).map_err(|error| format!("entry of {tenant}: {error}"))
}

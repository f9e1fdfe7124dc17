//! The tenant map and the registry, read whole.

use std::collections::HashMap;

use anyhow::Result;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, TENANT_ID};
use cellstack_core::registry::CellRecord;
use cellstack_core::snapshot::Snapshot;
use cellstack_core::{Clock as _, TenantRoute};

use crate::cells;
use crate::deployment::Deployment;

/// What was read, and what could not be.
pub(crate) struct Scan {
    pub(crate) snapshot: Snapshot,
    /// Entries of the map that are not what the control plane writes, each with why.
    pub(crate) unreadable: Vec<String>,
}

/// Reads every entry of the map, strongly consistent, and every cell of the registry.
///
/// The map changes meanwhile: an entry is as it was at some time since this began.
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
    // The cells after the map: a tenant that was placed meanwhile is in a cell that is here.
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

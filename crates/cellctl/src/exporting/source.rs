//! The cells from which a tenant is exported.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use cellstack_aws::AwsFailure;
use cellstack_core::TenantId;
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, Clock as _};
use cellstack_store::carry::held_events;
use cellstack_store::partition;
use cellstack_store::placement::Site;
use cellstack_store::tenant_map::TenantEntry;

use super::line::{FORMAT, HEADER, Header, VERSION, line};
use super::{End, writer::Writer};
use crate::deployment::Deployment;
use crate::files::partial_file::could_not_write;

/// A tenant, the cell that has its data, and the cells that may hold events of it.
pub(crate) struct Source<'a> {
    deployment: &'a Deployment,
    entry: TenantEntry,
    home: Site,
    holders: Vec<Site>,
}

impl<'a> Source<'a> {
    /// Finds the cells of a tenant, also those of one that was removed: its data stays where it was.
    ///
    /// # Errors
    /// Fails if the tenant never had a cell, or its cell is not registered.
    pub(crate) async fn find(deployment: &'a Deployment, tenant: &TenantId) -> Result<Self> {
        let Some(entry) = deployment.tenant_map().entry(tenant).await? else {
            bail!("tenant {tenant} was never placed; expected one that `cellctl tenants ls --removed` lists");
        };
        let world = deployment.fleet().await?;
        let home = world.site(&entry.route.cell_id)?;
        let holders = match &entry.route.standby_cell_id {
            Some(standby) => vec![world.site(standby)?],
            None if entry.is_placed() => Vec::new(),
            // The map no longer names the standby that it had.
            None => world.listing.cells.iter().map(Site::from).filter(|site| site.id != home.id).collect(),
        };
        Ok(Self { deployment, entry, home, holders })
    }

    /// Returns the first line.
    pub(crate) fn header(&self, operator: &str) -> Header {
        let route = &self.entry.route;
        Header {
            kind: HEADER.to_owned(),
            format: FORMAT.to_owned(),
            version: VERSION,
            tenant: route.tenant_id.clone(),
            cell: route.cell_id.clone(),
            state: route.state,
            epoch: route.epoch,
            at: rfc3339(self.deployment.clock.wall_ms()),
            operator: operator.to_owned(),
        }
    }

    /// Writes the export. `path` names its destination in errors.
    ///
    /// # Errors
    /// Fails if a table can't be read, the destination can't be written, or the tenant has changed its cell meanwhile.
    pub(crate) async fn write(&self, header: &Header, out: impl Write, path: &Path) -> Result<End> {
        let mut writer = Writer::begin(out, header).with_context(|| could_not_write(path))?;
        let (client, tenant) = (&self.deployment.dynamodb, &self.entry.route.tenant_id);
        // Events come home meanwhile: read in the other order, one could be in neither cell.
        for holder in &self.holders {
            self.copy(&holder.id, held_events(client, &holder.table, tenant), &mut writer, path).await?;
        }
        self.copy(&self.home.id, partition::items(client, &self.home.table, tenant), &mut writer, path).await?;
        let now = self.deployment.tenant_map().entry(tenant).await?;
        if now.is_none_or(|now| (now.route.cell_id, now.route.epoch) != (self.home.id.clone(), header.epoch)) {
            bail!("tenant {tenant} has changed its cell meanwhile; the export is not whole: run it again");
        }
        writer.end().with_context(|| could_not_write(path))
    }

    async fn copy(
        &self,
        cell: &CellId,
        query: QueryFluentBuilder,
        writer: &mut Writer<impl Write>,
        path: &Path,
    ) -> Result<()> {
        let mut items = query.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| AwsFailure::of("read a tenant's items", error))?;
            if let Some((kind, line)) = line(cell, &item)? {
                writer.item(kind, &line).with_context(|| could_not_write(path))?;
            }
            if self.deployment.stop().is_cancelled() {
                bail!("stopped before the export was whole; nothing of it was kept: run it again");
            }
        }
        Ok(())
    }
}

//! One control plane, one router and some cells over the embedded AWS: the resources of Terraform, in process.

mod builder;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::cell_table::TENANT_ID;
use cellstack_core::registry::{CELL_ID, CELLS, CONFIG, PARTITION_KEY, partition};
use cellstack_core::{CellId, Clock, TenantId};
use cellstack_emulator::{Aws, MappingHandle};
use cellstack_router::TenantSource;
use cellstack_store::placement::{Order, Placed, Placement, Site};
use cellstack_store::tenant_map::{DEFAULT_WEIGHT, TenantEntry};

use crate::bound;
use crate::cells::Cells;
use crate::cloud::Cloud;
use crate::data::DataDir;
use crate::faults::FaultBoard;
use crate::function_url::FunctionUrl;
use crate::hooks::Hooks;
use crate::names::{CAPACITY, CellNames, registry, tenant_map};
use crate::{Disorder, VirtualClock};

pub use self::builder::{Pipeline, StackBuilder};

/// A control plane, a router and cells over the embedded AWS. Dropping it stops its mappings.
pub struct Stack {
    cloud: Cloud,
    url: FunctionUrl,
    clock: Arc<VirtualClock>,
    cells: Cells,
    faults: FaultBoard,
    data: Option<Arc<DataDir>>,
    /// The placer's mapping, with placement on first sight.
    placer: Option<MappingHandle>,
}

impl Stack {
    /// Returns a builder without cells and tenants.
    #[must_use]
    pub const fn builder() -> StackBuilder {
        StackBuilder {
            cells: Vec::new(),
            tenants: Vec::new(),
            tenant_source: TenantSource::Header,
            pipeline: Pipeline::DEPLOYED,
            disorder: Disorder::NONE,
            seed: 0,
            data: None,
            max_data: bound::MAX_DATA,
            first_sight: false,
            hooks: Hooks::NONE,
        }
    }

    /// Returns the embedded AWS: its faults, its call counts, its endpoint.
    #[must_use]
    pub const fn aws(&self) -> &Aws {
        &self.cloud.aws
    }

    /// Returns the configuration of its clients.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.cloud.config
    }

    /// Returns its clocks and its randomness.
    #[must_use]
    pub const fn clock(&self) -> &Arc<VirtualClock> {
        &self.clock
    }

    /// Returns the number of stream records that its mappings have not finished.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.cells.roster().lag() + self.placer.as_ref().map_or(0, MappingHandle::lag)
    }

    /// Cuts off its mappings, with all that they have under way.
    pub fn drop_mappings(&mut self) {
        drop(self.cells.roster().take_mappings());
        drop(self.placer.take());
    }

    /// Returns the function URL.
    #[must_use]
    pub const fn url(&self) -> &FunctionUrl {
        &self.url
    }

    /// Returns its faults on demand.
    #[must_use]
    pub const fn faults(&self) -> &FaultBoard {
        &self.faults
    }

    /// Returns the cells that it has now.
    #[must_use]
    pub fn cells(&self) -> Vec<CellId> {
        self.cells.roster().cells()
    }

    /// Returns the control of its cells, which come and go.
    #[must_use]
    pub const fn cell_control(&self) -> &Cells {
        &self.cells
    }

    /// Returns a client for its tables.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.cloud.dynamodb()
    }

    /// Returns a client for its topics.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        self.cloud.sns()
    }

    /// Returns a client for its queues.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        self.cloud.sqs()
    }

    /// Returns the URL of one of its queues.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn queue_url(&self, name: &str) -> Result<String> {
        self.cloud.queue_url(name).await
    }

    /// Sets the address of the stack's AWS endpoint: the queue URLs in the registry, and those asked for in process,
    /// lead there from now on. Otherwise, an SDK that takes a queue URL's host for the endpoint would send to AWS.
    ///
    /// # Errors
    /// When the registry can't be written.
    pub async fn set_endpoint(&self, url: &str) -> Result<()> {
        self.aws().set_endpoint(url);
        let (client, table) = (self.dynamodb(), registry());
        for cell in self.cells() {
            let key = [(PARTITION_KEY, partition(&cell)), ("sk", CONFIG.to_owned())];
            let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
            let config = client.get_item().table_name(&table).set_key(Some(HashMap::from(key))).send().await?;
            let Some(mut config) = config.item else { continue };
            for (name, value) in
                config.iter_mut().filter(|(name, _)| name.ends_with("queue_url") || name.ends_with("dlq_url"))
            {
                let queue = value.as_s().ok().and_then(|url| url.rsplit('/').next());
                let queue = queue.with_context(|| format!("{name} of cell {cell} is not a queue's URL"))?;
                *value = AttributeValue::S(self.queue_url(queue).await?);
            }
            client.put_item().table_name(&table).set_item(Some(config)).send().await?;
        }
        Ok(())
    }

    /// Places a tenant in a cell.
    ///
    /// # Errors
    /// When it is placed elsewhere already.
    pub async fn place(&self, tenant: &TenantId, cell: &CellId) -> Result<()> {
        match self.try_place(tenant, cell).await? {
            Placed::Already(entry) if entry.route.cell_id != *cell => Err(elsewhere(tenant, &entry, cell)),
            _ => Ok(()),
        }
    }

    async fn try_place(&self, tenant: &TenantId, cell: &CellId) -> Result<Placed> {
        let (client, map_table, registry) = (self.dynamodb(), tenant_map(), registry());
        let placement = placement(&client, &map_table, &registry);
        let order = Order { tenant, home: self.site(cell), standby: None, weight: DEFAULT_WEIGHT, pinned: false };
        Ok(placement.place(&order, self.clock.wall_ms()).await?)
    }

    /// Makes a cell stand by for a tenant.
    ///
    /// # Errors
    /// When the tenant is not placed, or the tables can't be written.
    pub async fn appoint_standby(&self, tenant: &TenantId, standby: &CellId) -> Result<()> {
        let (client, map_table, registry) = (self.dynamodb(), tenant_map(), registry());
        let placement = placement(&client, &map_table, &registry);
        let entry = placement.settled(tenant).await?;
        let was = entry.route.standby_cell_id.as_ref().map(|was| self.site(was));
        Ok(placement.appoint_standby(&entry, Some(&self.site(standby)), was.as_ref(), self.clock.wall_ms()).await?)
    }

    /// Returns a cell as placements need it.
    #[must_use]
    pub fn site(&self, cell: &CellId) -> Site {
        Site { id: cell.clone(), table: CellNames::of(cell).table, capacity: CAPACITY }
    }

    async fn create(&self) -> Result<()> {
        self.cloud.create_table(&tenant_map(), TENANT_ID, None, false).await?;
        self.cloud.create_table(&registry(), PARTITION_KEY, Some("sk"), false).await?;
        self.index_cells().await?;
        for cell in self.cells() {
            self.cells.create(&cell).await.with_context(|| format!("cell {cell}"))?;
        }
        Ok(())
    }

    /// Makes the index by which cells are listed. A directory of an earlier version has none.
    async fn index_cells(&self) -> Result<()> {
        self.cloud.create_index(&registry(), CELLS, CELL_ID).await
    }

    /// The directory that keeps it.
    #[must_use]
    pub fn data(&self) -> Option<&DataDir> {
        self.data.as_deref()
    }

    /// Ends the mappings, after what they have under way.
    pub async fn stop(mut self) {
        for mapping in self.cells.roster().take_mappings().into_iter().chain(self.placer.take()) {
            mapping.stop().await;
        }
    }
}

impl Drop for Stack {
    /// Cuts off the mappings, which others who share the cells would keep going.
    fn drop(&mut self) {
        drop(self.cells.roster().take_mappings());
    }
}

fn elsewhere(tenant: &TenantId, entry: &TenantEntry, cell: &CellId) -> anyhow::Error {
    anyhow::anyhow!("tenant {tenant} is placed in cell {}, not {cell}", entry.route.cell_id)
}

fn placement<'a>(client: &'a aws_sdk_dynamodb::Client, map_table: &'a str, registry: &'a str) -> Placement<'a> {
    Placement { client, map_table, registry, operator: "cellstack-local" }
}

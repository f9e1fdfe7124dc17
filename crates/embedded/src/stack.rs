//! One control plane, one router and some cells over the embedded AWS: the resources of Terraform, in process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws as aws;
use cellstack_consumer::{Processor, Totals};
use cellstack_core::cell_table::TENANT_ID;
use cellstack_core::limits::pipeline;
use cellstack_core::registry::{PARTITION_KEY, partition};
use cellstack_core::{CellId, Clock, TenantId, TenantRoute};
use cellstack_emulator::{Aws, MappingHandle};
use cellstack_router::{Router, Settings, TenantSource};
use cellstack_store::placement::{Placed, Placement};

use crate::data::DataDir;
use crate::faults::FaultBoard;
use crate::function_url::FunctionUrl;
use crate::hooks::Hooks;
use crate::names::{ACCOUNT, CellNames, Ordering, REGION, registry, tenant_map};
use crate::process;
use crate::{Disorder, VirtualClock};

/// The settings of a cell's pipeline that may differ on a laptop.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline {
    /// Time that a message which was not processed stays hidden. Whole seconds.
    pub visibility: Duration,
    /// Tries of an event before the consumer dead-letters it.
    pub max_tries: u32,
    /// Longest time that one event may take.
    pub event_timeout: Duration,
    /// Receives of a message before its queue moves it to the dead-letter queue.
    pub max_receives: u32,
    /// The ordering of the events.
    pub ordering: Ordering,
}

impl Pipeline {
    /// The settings as deployed.
    pub const DEPLOYED: Self = Self {
        visibility: pipeline::VISIBILITY_TIMEOUT,
        max_tries: pipeline::MAX_TRIES,
        event_timeout: pipeline::EVENT_TIMEOUT,
        max_receives: pipeline::MAX_RECEIVES,
        ordering: Ordering::None,
    };
    /// The settings for a watcher: a poison event is in its dead-letter queue within seconds. The local handlers
    /// respond within milliseconds, so a short visibility timeout hides no work that is still going on. An event that
    /// takes longer is cut off, with that reason, before its message comes again.
    pub const IMPATIENT: Self = Self {
        visibility: Duration::from_secs(1),
        event_timeout: Duration::from_secs(1),
        max_tries: 3,
        ..Self::DEPLOYED
    };
}

/// A builder of a [`Stack`].
#[derive(Debug, Clone)]
pub struct StackBuilder {
    cells: Vec<CellId>,
    tenants: Vec<(TenantId, CellId)>,
    tenant_source: TenantSource,
    pipeline: Pipeline,
    disorder: Disorder,
    seed: u64,
    data: Option<Arc<DataDir>>,
    hooks: Hooks,
}

impl StackBuilder {
    /// Adds a cell.
    #[must_use]
    pub fn cell(mut self, cell: CellId) -> Self {
        self.cells.push(cell);
        self
    }

    /// Places a tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId, cell: CellId) -> Self {
        self.tenants.push((tenant, cell));
        self
    }

    /// Sets the source of a request's tenant; the header unless set.
    #[must_use]
    pub fn tenant_source(mut self, source: TenantSource) -> Self {
        self.tenant_source = source;
        self
    }

    /// Sets the pipeline's settings; as deployed unless set.
    #[must_use]
    pub const fn pipeline(mut self, pipeline: Pipeline) -> Self {
        self.pipeline = pipeline;
        self
    }

    /// Sets the disorder of the embedded AWS; none unless set.
    #[must_use]
    pub fn disorder(mut self, disorder: Disorder) -> Self {
        self.disorder = disorder;
        self
    }

    /// Sets the seed of everything random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Keeps the stack in a directory, or goes on with the one that is there: its cells must be this builder's. In memory
    /// unless set.
    #[must_use]
    pub fn data(mut self, data: DataDir) -> Self {
        self.data = Some(Arc::new(data));
        self
    }

    /// Sets the simulator's hooks.
    #[must_use]
    pub fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Builds the stack around the processor of this build.
    ///
    /// # Errors
    /// When the embedded AWS refuses a resource.
    pub async fn build(self) -> Result<Stack> {
        self.build_with(|| Totals).await
    }

    /// Builds the stack around another processor, one per cell.
    ///
    /// # Errors
    /// When the embedded AWS refuses a resource.
    pub async fn build_with<P: Processor>(self, processor: impl Fn() -> P) -> Result<Stack> {
        let hooks = self.hooks;
        let aws = self.disorder.apply(Aws::builder().region(REGION).account(ACCOUNT).seed(self.seed));
        let aws = match &self.data {
            Some(data) => hooks.aws(aws).directory(data.path()),
            None => hooks.aws(aws),
        };
        let aws = aws.open().map_err(anyhow::Error::msg)?;
        let config = aws.sdk_config().to_builder().timeout_config(aws::timeouts()).build();
        let clock = Arc::new(hooks.clock(self.seed));
        let settings = Settings::new(tenant_map(), registry(), self.tenant_source);
        let router = Router::new(&config, settings, Arc::clone(&clock));
        let url = FunctionUrl::new(Arc::new(router), Arc::clone(&clock)).bounded_by(aws.clone());
        let faults = FaultBoard::new(aws.clone(), self.cells.clone());
        let mut stack =
            Stack { aws, config, url, clock, cells: self.cells, faults, mappings: Vec::new(), data: self.data, hooks };

        let is_there = stack.data.as_ref().is_some_and(|data| data.has_stack());
        if !is_there {
            stack.create(self.pipeline).await?;
        }
        for (tenant, cell) in &self.tenants {
            match stack.try_place(tenant, cell).await? {
                // A tenant of a stack that was there stays where it has been moved to.
                Placed::Already(route) if route.cell_id != *cell && !is_there => {
                    return Err(elsewhere(tenant, &route, cell));
                }
                _ => {}
            }
        }
        if let Some(data) = stack.data.as_ref().filter(|_| !is_there) {
            data.complete()?;
        }
        // Before its functions, which may add some.
        stack.aws.resume_deliveries().map_err(anyhow::Error::msg)?;
        for cell in stack.cells.clone() {
            stack.run_cell(&cell, self.pipeline, processor()).await.with_context(|| format!("cell {cell}"))?;
        }
        Ok(stack)
    }
}

/// A control plane, a router and cells over the embedded AWS. Dropping it stops its mappings.
pub struct Stack {
    pub(crate) aws: Aws,
    pub(crate) config: SdkConfig,
    url: FunctionUrl,
    pub(crate) clock: Arc<VirtualClock>,
    cells: Vec<CellId>,
    faults: FaultBoard,
    pub(crate) mappings: Vec<MappingHandle>,
    data: Option<Arc<DataDir>>,
    pub(crate) hooks: Hooks,
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
            hooks: Hooks::NONE,
        }
    }

    /// Returns the embedded AWS: its faults, its call counts, its endpoint.
    #[must_use]
    pub const fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Returns the configuration of its clients.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Returns its clocks and its randomness.
    #[must_use]
    pub const fn clock(&self) -> &Arc<VirtualClock> {
        &self.clock
    }

    /// Returns its mappings: those of streams and of queues, cell by cell.
    #[must_use]
    pub fn mappings(&self) -> &[MappingHandle] {
        &self.mappings
    }

    /// Cuts off its mappings, with all that they have under way.
    pub fn drop_mappings(&mut self) {
        self.mappings.clear();
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

    /// Returns the cells.
    #[must_use]
    pub fn cells(&self) -> &[CellId] {
        &self.cells
    }

    /// Returns a client for its tables.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        process::dynamodb(&self.config)
    }

    /// Returns a client for its topics.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        process::sns(&self.config)
    }

    /// Returns a client for its queues.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        process::sqs(&self.config)
    }

    /// Returns the URL of one of its queues.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn queue_url(&self, name: &str) -> Result<String> {
        let answer = self.sqs().get_queue_url().queue_name(name).send().await?;
        answer.queue_url.context("a queue without URL")
    }

    /// Sets the address of the stack's AWS endpoint: the queue URLs in the registry, and those asked for in process,
    /// lead there from now on. Otherwise, an SDK that takes a queue URL's host for the endpoint would send to AWS.
    ///
    /// # Errors
    /// When the registry can't be written.
    pub async fn set_endpoint(&self, url: &str) -> Result<()> {
        self.aws.set_endpoint(url);
        let (client, table) = (self.dynamodb(), registry());
        for cell in &self.cells {
            let key = [(PARTITION_KEY, partition(cell)), ("sk", "config".to_owned())];
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
            Placed::Already(route) if route.cell_id != *cell => Err(elsewhere(tenant, &route, cell)),
            _ => Ok(()),
        }
    }

    async fn try_place(&self, tenant: &TenantId, cell: &CellId) -> Result<Placed> {
        let (client, map_table) = (self.dynamodb(), tenant_map());
        let placement = Placement { client: &client, map_table: &map_table, operator: "cellstack-local" };
        Ok(placement.place(tenant, cell, &CellNames::of(cell).table, self.clock.wall_ms()).await?)
    }

    async fn create(&self, pipeline: Pipeline) -> Result<()> {
        self.create_table(&tenant_map(), TENANT_ID, None, false).await?;
        self.create_table(&registry(), PARTITION_KEY, Some("sk"), false).await?;
        for cell in &self.cells {
            self.create_cell(cell, pipeline).await.with_context(|| format!("cell {cell}"))?;
        }
        Ok(())
    }

    /// The directory that keeps it.
    #[must_use]
    pub fn data(&self) -> Option<&DataDir> {
        self.data.as_deref()
    }

    /// Ends the mappings, after what they have under way.
    pub async fn stop(self) {
        for mapping in self.mappings {
            mapping.stop().await;
        }
    }
}

fn elsewhere(tenant: &TenantId, route: &TenantRoute, cell: &CellId) -> anyhow::Error {
    anyhow::anyhow!("tenant {tenant} is placed in cell {}, not {cell}", route.cell_id)
}

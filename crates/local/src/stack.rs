//! One control plane, one router and some cells over the embedded AWS: what Terraform stamps, in process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_consumer::{Processor, processor};
use cellstack_core::cell_table::TENANT_ID;
use cellstack_core::directory::{PARTITION_KEY, partition};
use cellstack_core::limits::pipeline;
use cellstack_core::placement::{Placed, Placement};
use cellstack_core::{Ambient, CellId, TenantId, TenantRoute, aws};
use cellstack_emulator::{Aws, MappingHandle};
use cellstack_router::{Router, Settings, TenantSource};

use crate::data::DataDir;
use crate::faults::FaultBoard;
use crate::function_url::FunctionUrl;
use crate::hooks::Hooks;
use crate::names::{ACCOUNT, CellNames, Ordering, REGION, registry, tenant_map};
use crate::process;
use crate::{Disorder, LocalAmbient};

/// The settings of a cell's pipeline that one may want different on a laptop.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline {
    /// How long a message that was not processed stays hidden. Whole seconds.
    pub visibility: Duration,
    /// Tries of an event before the consumer gives it up.
    pub max_tries: u32,
    /// Longest that one event may take.
    pub event_timeout: Duration,
    /// Receives of a message before its queue moves it to the dead-letter queue.
    pub max_receives: u32,
    /// Whether the events of a tenant keep their order.
    pub ordering: Ordering,
}

impl Pipeline {
    /// As deployed.
    pub const DEPLOYED: Self = Self {
        visibility: pipeline::VISIBILITY_TIMEOUT,
        max_tries: pipeline::MAX_TRIES,
        event_timeout: pipeline::EVENT_TIMEOUT,
        max_receives: pipeline::MAX_RECEIVES,
        ordering: Ordering::None,
    };
    /// For someone who watches: a poison event is in its dead-letter queue within seconds. The local handlers answer
    /// within milliseconds, so a short visibility timeout hides no work that is still going on; an event that takes longer
    /// is cut off, with that reason, before its message comes again.
    pub const IMPATIENT: Self = Self {
        visibility: Duration::from_secs(1),
        event_timeout: Duration::from_secs(1),
        max_tries: 3,
        ..Self::DEPLOYED
    };
}

/// Builds a [`Stack`].
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

    /// Where the router takes a request's tenant from; the header unless told otherwise.
    #[must_use]
    pub fn tenant_source(mut self, source: TenantSource) -> Self {
        self.tenant_source = source;
        self
    }

    /// The pipeline's settings; as deployed unless told otherwise.
    #[must_use]
    pub const fn pipeline(mut self, pipeline: Pipeline) -> Self {
        self.pipeline = pipeline;
        self
    }

    /// Sets how disorderly the embedded AWS is; not at all unless told otherwise.
    #[must_use]
    pub fn disorder(mut self, disorder: Disorder) -> Self {
        self.disorder = disorder;
        self
    }

    /// The seed of everything random.
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

    /// What the simulator puts in between.
    #[must_use]
    pub(crate) fn hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Builds the stack around the processor of this build.
    ///
    /// # Errors
    /// When the embedded AWS refuses a resource.
    pub async fn build(self) -> Result<Stack> {
        self.build_with(processor).await
    }

    /// Builds the stack around another processor, one a cell.
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
        let ambient = Arc::new(hooks.ambient(self.seed));
        let settings = Settings::new(tenant_map(), registry(), self.tenant_source);
        let router = Router::new(&config, settings, Arc::clone(&ambient));
        let url = FunctionUrl::new(Arc::new(router), Arc::clone(&ambient)).bounded_by(aws.clone());
        let faults = FaultBoard::new(aws.clone(), self.cells.clone());
        let mut stack = Stack {
            aws,
            config,
            url,
            ambient,
            cells: self.cells,
            faults,
            mappings: Vec::new(),
            data: self.data,
            hooks,
        };

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

/// See the module. Dropping it stops its mappings.
pub struct Stack {
    pub(crate) aws: Aws,
    pub(crate) config: SdkConfig,
    url: FunctionUrl,
    pub(crate) ambient: Arc<LocalAmbient>,
    cells: Vec<CellId>,
    faults: FaultBoard,
    pub(crate) mappings: Vec<MappingHandle>,
    data: Option<Arc<DataDir>>,
    pub(crate) hooks: Hooks,
}

impl Stack {
    /// A stack without cells and tenants, to add some.
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

    /// The embedded AWS: its faults, its call counts, its endpoint.
    #[must_use]
    pub const fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The function URL.
    #[must_use]
    pub const fn url(&self) -> &FunctionUrl {
        &self.url
    }

    /// Its faults on demand.
    #[must_use]
    pub const fn faults(&self) -> &FaultBoard {
        &self.faults
    }

    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[CellId] {
        &self.cells
    }

    /// A client for its tables.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        process::dynamodb(&self.config)
    }

    /// A client for its topics.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        process::sns(&self.config)
    }

    /// A client for its queues.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        process::sqs(&self.config)
    }

    /// The URL of one of its queues.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn queue_url(&self, name: &str) -> Result<String> {
        let answer = self.sqs().get_queue_url().queue_name(name).send().await?;
        answer.queue_url.context("a queue without URL")
    }

    /// Says where the stack's AWS endpoint listens: the queue URLs in the registry, and those asked for in process, lead
    /// there from now on. An SDK that takes a queue URL's host for the endpoint would send to AWS otherwise.
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
        Ok(placement.place(tenant, cell, &CellNames::of(cell).table, self.ambient.wall_ms()).await?)
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

    /// Ends the mappings; what they have under way is finished.
    pub async fn stop(self) {
        for mapping in self.mappings {
            mapping.stop().await;
        }
    }
}

fn elsewhere(tenant: &TenantId, route: &TenantRoute, cell: &CellId) -> anyhow::Error {
    anyhow::anyhow!("tenant {tenant} is placed in cell {}, not {cell}", route.cell_id)
}

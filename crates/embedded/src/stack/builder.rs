//! The settings of a stack, and how it is built from them.

use super::{Stack, elsewhere};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cellstack_aws as aws;
use cellstack_consumer::{Processor, Totals};
use cellstack_core::limits::pipeline;
use cellstack_core::{CellId, TenantId};
use cellstack_emulator::Aws;
use cellstack_router::{Router, Settings, TenantSource};
use cellstack_store::placement::Placed;

use crate::Disorder;
use crate::cells::{Cells, Foundation, MakeConsumer, Roster};
use crate::cloud::Cloud;
use crate::data::DataDir;
use crate::faults::FaultBoard;
use crate::first_sight;
use crate::function_url::FunctionUrl;
use crate::hooks::Hooks;
use crate::names::{ACCOUNT, Ordering, REGION, placement_requests, registry, tenant_map};

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
    /// respond within milliseconds, so a short visibility timeout hides no work that is still running. An event that
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
    pub(super) cells: Vec<CellId>,
    pub(super) tenants: Vec<(TenantId, CellId)>,
    pub(super) tenant_source: TenantSource,
    pub(super) pipeline: Pipeline,
    pub(super) disorder: Disorder,
    pub(super) seed: u64,
    pub(super) data: Option<Arc<DataDir>>,
    pub(super) max_data: u64,
    pub(super) first_sight: bool,
    pub(super) hooks: Hooks,
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

    /// Keeps the stack in a directory, or continues with the one that is there: its cells must be this builder's. In memory
    /// unless set.
    #[must_use]
    pub fn data(mut self, data: DataDir) -> Self {
        self.data = Some(Arc::new(data));
        self
    }

    /// Sets the bytes that a stack in memory may come to: 1 GiB unless set. With more, writes take the longer the more is there.
    #[must_use]
    pub const fn max_data(mut self, bytes: u64) -> Self {
        self.max_data = bytes;
        self
    }

    /// Places tenants on first sight: an event of a tenant without a cell requests one. Off unless set.
    #[must_use]
    pub const fn first_sight(mut self) -> Self {
        self.first_sight = true;
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

    /// Builds the stack around another processor, one per cell. Its cells are fixed.
    ///
    /// # Errors
    /// When the embedded AWS refuses a resource.
    pub async fn build_with<P: Processor>(self, processor: impl Fn() -> P) -> Result<Stack> {
        self.build_around(&processor, None).await
    }

    /// Builds a stack like [`build_with`](Self::build_with), to which cells can be added.
    ///
    /// # Errors
    /// When the embedded AWS refuses a resource.
    pub async fn build_growing<P: Processor>(
        self,
        processor: impl Fn() -> P + Clone + Send + Sync + 'static,
    ) -> Result<Stack> {
        let of_added = processor.clone();
        let consumer: MakeConsumer = Box::new(move |parts| parts.around(of_added()));
        self.build_around(&processor, Some(consumer)).await
    }

    async fn build_around<P: Processor>(
        self,
        processor: &impl Fn() -> P,
        consumer: Option<MakeConsumer>,
    ) -> Result<Stack> {
        let is_there = self.data.as_ref().is_some_and(|data| data.has_stack());
        let (tenants, data, first_sight) = (self.tenants.clone(), self.data.clone(), self.first_sight);
        let mut stack = self.open(consumer)?;
        if is_there {
            stack.index_cells().await?;
        } else {
            stack.create().await?;
        }
        for (tenant, cell) in &tenants {
            match stack.try_place(tenant, cell).await? {
                // A tenant of a stack that was there stays where it has been moved to.
                Placed::Already(entry) if entry.route.cell_id != *cell && !is_there => {
                    return Err(elsewhere(tenant, &entry, cell));
                }
                _ => {}
            }
        }
        if first_sight {
            first_sight::create(&stack.cloud).await?;
        }
        if let Some(data) = data.filter(|_| !is_there) {
            data.complete()?;
        }
        // Before its functions, which may add some.
        stack.aws().resume_deliveries().map_err(anyhow::Error::msg)?;
        for cell in stack.cells() {
            let processor = processor();
            let ran = stack.cells.run(&cell, |parts| parts.around(processor)).await;
            ran.with_context(|| format!("cell {cell}"))?;
        }
        if first_sight {
            stack.placer = Some(first_sight::map(&stack.cloud, &stack.clock)?);
        }
        Ok(stack)
    }

    /// Returns the stack without resources and functions, other than those that its directory has.
    fn open(self, consumer: Option<MakeConsumer>) -> Result<Stack> {
        let Self { hooks, pipeline, data, .. } = self;
        let aws = self
            .disorder
            .apply(Aws::builder().region(REGION).account(ACCOUNT).seed(self.seed).max_bytes(self.max_data));
        let aws = match &data {
            Some(data) => hooks.aws(aws).directory(data.path()),
            None => hooks.aws(aws),
        };
        let aws = aws.open().map_err(anyhow::Error::msg)?;
        let config = aws.sdk_config().to_builder().timeout_config(aws::timeouts()).build();
        let clock = Arc::new(hooks.clock(self.seed));
        let placement_requests_table = self.first_sight.then(placement_requests);
        let settings =
            Settings { placement_requests_table, ..Settings::new(tenant_map(), registry(), self.tenant_source) };
        let router = Router::new(&config, settings, Arc::clone(&clock));
        let url = FunctionUrl::new(Arc::new(router), Arc::clone(&clock)).bounded_by(aws.clone());
        let added = data.as_ref().map(|data| data.added()).unwrap_or_default();
        let roster = Roster::new(self.cells.into_iter().chain(added));
        let faults = FaultBoard::new(aws.clone(), roster.clone());
        let cloud = Cloud { aws, config };
        let cells = Cells::new(Foundation {
            cloud: cloud.clone(),
            clock: Arc::clone(&clock),
            hooks,
            pipeline,
            data: data.clone(),
            roster,
            faults: faults.clone(),
            consumer,
        });
        Ok(Stack { cloud, url, clock, cells, faults, data, placer: None })
    }
}

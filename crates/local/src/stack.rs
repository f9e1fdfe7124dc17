//! One control plane, one router and some cells over the embedded AWS: what Terraform stamps, in process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use cellstack_consumer::{Consumer, Processor, processor};
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::directory::{PARTITION_KEY, partition};
use cellstack_core::limits::pipeline;
use cellstack_core::placement::{Placed, Placement};
use cellstack_core::{Ambient, CellId, TenantId, aws};
use cellstack_emulator::{Aws, MappingHandle, QueueMapping, StreamMapping};
use cellstack_producer::Producer;
use cellstack_router::{Router, Settings, TenantSource};
use serde_json::json;

use crate::LocalAmbient;
use crate::function::{ConsumerFunction, ProducerFunction};
use crate::function_url::FunctionUrl;
use crate::names::{ACCOUNT, CellNames, REGION, arn, registry, tenant_map};

/// The stream mapping's filter, as Terraform writes it: new events and nothing else.
const STREAM_FILTER: &str = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"sk":{"S":[{"prefix":"event#"}]},"status":{"S":["accepted"]}}}}"#;

/// The settings of a cell's pipeline that one may want different on a laptop.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline {
    /// How long a message that was not processed stays hidden. Whole seconds.
    pub visibility: Duration,
    /// Receives of a message before it goes to the dead-letter queue.
    pub max_receives: u32,
}

impl Pipeline {
    /// As deployed.
    pub const DEPLOYED: Self = Self { visibility: pipeline::VISIBILITY_TIMEOUT, max_receives: pipeline::MAX_RECEIVES };
    /// For someone who watches: a poison event is in its dead-letter queue within seconds. The local handlers answer
    /// within milliseconds, so a short visibility timeout hides no work that is still going on.
    pub const IMPATIENT: Self = Self { visibility: Duration::from_secs(1), max_receives: 3 };
}

/// Builds a [`Stack`].
#[derive(Debug, Clone)]
pub struct StackBuilder {
    cells: Vec<CellId>,
    tenants: Vec<(TenantId, CellId)>,
    tenant_source: TenantSource,
    pipeline: Pipeline,
    seed: u64,
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
    pub const fn tenant_source(mut self, source: TenantSource) -> Self {
        self.tenant_source = source;
        self
    }

    /// The pipeline's settings; as deployed unless told otherwise.
    #[must_use]
    pub const fn pipeline(mut self, pipeline: Pipeline) -> Self {
        self.pipeline = pipeline;
        self
    }

    /// The seed of everything random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
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
        let aws = Aws::builder().region(REGION).account(ACCOUNT).seed(self.seed).build();
        let config = aws.sdk_config().to_builder().timeout_config(aws::timeouts()).build();
        let ambient = Arc::new(LocalAmbient::new(self.seed));
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let settings =
            Settings { tenant_map_table: tenant_map(), registry_table: registry(), tenant_source: self.tenant_source };
        let router = Router::new(dynamodb, settings, Arc::clone(&ambient));
        let url = FunctionUrl::new(Arc::new(router), Arc::clone(&ambient));
        let mut stack = Stack { aws, config, url, ambient, cells: self.cells, mappings: Vec::new() };

        stack.create_table(&tenant_map(), TENANT_ID, None, false).await?;
        stack.create_table(&registry(), PARTITION_KEY, Some("sk"), false).await?;
        for cell in stack.cells.clone() {
            stack.create_cell(&cell, self.pipeline, processor()).await.with_context(|| format!("cell {cell}"))?;
        }
        for (tenant, cell) in &self.tenants {
            stack.place(tenant, cell).await?;
        }
        Ok(stack)
    }
}

/// See the module. Dropping it stops its mappings.
pub struct Stack {
    aws: Aws,
    config: SdkConfig,
    url: FunctionUrl,
    ambient: Arc<LocalAmbient>,
    cells: Vec<CellId>,
    mappings: Vec<MappingHandle>,
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
            seed: 0,
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

    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[CellId] {
        &self.cells
    }

    /// A client for its tables.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// A client for its topics.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// A client for its queues.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// The URL of one of its queues.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn queue_url(&self, name: &str) -> Result<String> {
        let answer = self.sqs().get_queue_url().queue_name(name).send().await?;
        answer.queue_url.context("a queue without URL")
    }

    /// Places a tenant in a cell.
    ///
    /// # Errors
    /// When it is placed elsewhere already.
    pub async fn place(&self, tenant: &TenantId, cell: &CellId) -> Result<()> {
        let (client, map_table) = (self.dynamodb(), tenant_map());
        let placement = Placement { client: &client, map_table: &map_table, operator: "cellstack-local" };
        match placement.place(tenant, cell, &CellNames::of(cell).table, self.ambient.wall_ms()).await? {
            Placed::Already(route) if route.cell_id != *cell => {
                anyhow::bail!("tenant {tenant} is placed in cell {}, not {cell}", route.cell_id)
            }
            _ => Ok(()),
        }
    }

    async fn create_cell<P: Processor>(&mut self, cell: &CellId, pipeline: Pipeline, processor: P) -> Result<()> {
        let names = CellNames::of(cell);
        self.create_table(&names.table, TENANT_ID, Some(SORT_KEY), true).await?;
        for dlq in names.dead_letter_queues() {
            self.create_queue(dlq, pipeline::DLQ_RETENTION, &[]).await?;
        }
        let redrive =
            json!({ "deadLetterTargetArn": arn("sqs", &names.dlq), "maxReceiveCount": pipeline.max_receives });
        let attributes = [
            (QueueAttributeName::VisibilityTimeout, pipeline.visibility.as_secs().to_string()),
            (QueueAttributeName::RedrivePolicy, redrive.to_string()),
        ];
        self.create_queue(&names.events, pipeline::QUEUE_RETENTION, &attributes).await?;
        self.create_topic(&names).await?;
        self.register(cell, &names).await?;
        self.map_producer(cell, &names)?;
        self.map_consumer(cell, &names, processor)
    }

    async fn create_table(&self, name: &str, hash: &str, range: Option<&str>, stream: bool) -> Result<()> {
        let mut table = self.dynamodb().create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for (attribute, kind) in [(Some(hash), KeyType::Hash), (range, KeyType::Range)] {
            let Some(attribute) = attribute else { continue };
            let definition = AttributeDefinition::builder().attribute_name(attribute);
            table = table
                .attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build()?)
                .key_schema(KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build()?);
        }
        if stream {
            let images = StreamSpecification::builder().stream_enabled(true);
            table = table.stream_specification(images.stream_view_type(StreamViewType::NewAndOldImages).build()?);
        }
        table.send().await.with_context(|| format!("create table {name}"))?;
        Ok(())
    }

    async fn create_queue(
        &self,
        name: &str,
        retention: Duration,
        attributes: &[(QueueAttributeName, String)],
    ) -> Result<()> {
        let mut queue = self
            .sqs()
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::MessageRetentionPeriod, retention.as_secs().to_string());
        for (attribute, value) in attributes {
            queue = queue.attributes(attribute.clone(), value);
        }
        queue.send().await.with_context(|| format!("create queue {name}"))?;
        Ok(())
    }

    async fn create_topic(&self, names: &CellNames) -> Result<()> {
        let sns = self.sns();
        let topic = sns.create_topic().name(&names.events).send().await.context("create topic")?;
        let redrive = json!({ "deadLetterTargetArn": arn("sqs", &names.topic_dlq) });
        sns.subscribe()
            .topic_arn(topic.topic_arn.context("a topic without ARN")?)
            .protocol("sqs")
            .endpoint(arn("sqs", &names.events))
            .attributes("RawMessageDelivery", "true")
            .attributes("RedrivePolicy", redrive.to_string())
            .send()
            .await
            .context("subscribe")?;
        Ok(())
    }

    async fn register(&self, cell: &CellId, names: &CellNames) -> Result<()> {
        let text = |value: String| AttributeValue::S(value);
        let number = |value: u32| AttributeValue::N(value.to_string());
        self.dynamodb()
            .put_item()
            .table_name(registry())
            .item(PARTITION_KEY, text(partition(cell)))
            .item("sk", text("config".to_owned()))
            .item("cell_id", text(cell.to_string()))
            .item("table", text(names.table.clone()))
            .item("table_arn", text(arn("dynamodb", &format!("table/{}", names.table))))
            .item("topic_arn", text(arn("sns", &names.events)))
            .item("queue_url", text(self.queue_url(&names.events).await?))
            .item("queue_arn", text(arn("sqs", &names.events)))
            .item("dlq_url", text(self.queue_url(&names.dlq).await?))
            .item("dlq_arn", text(arn("sqs", &names.dlq)))
            .item("region", text(REGION.to_owned()))
            .item("account", text(ACCOUNT.to_owned()))
            .item("wave", number(1))
            .item("capacity", number(1_000))
            .item("weight", number(1))
            .item("tags", AttributeValue::M(std::collections::HashMap::new()))
            .send()
            .await
            .context("register the cell")?;
        Ok(())
    }

    fn map_producer(&mut self, cell: &CellId, names: &CellNames) -> Result<()> {
        let settings = cellstack_producer::Settings { cell: cell.clone(), topic_arn: arn("sns", &names.events) };
        let function = Arc::new(ProducerFunction(Producer::new(self.sns(), settings)));
        let mut mapping = StreamMapping::new(&names.table, &names.producer);
        mapping.filters = vec![STREAM_FILTER.to_owned()];
        mapping.batch_size = pipeline::STREAM_BATCH;
        mapping.bisect_batch_on_function_error = true;
        mapping.max_retries = Some(pipeline::STREAM_RETRIES);
        mapping.max_record_age = Some(pipeline::STREAM_RECORD_AGE);
        mapping.on_failure = Some(arn("sqs", &names.stream_dlq));
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = pipeline::PRODUCER_TIMEOUT;
        self.mappings.push(self.aws.map_stream(mapping, function)?);
        Ok(())
    }

    fn map_consumer<P: Processor>(&mut self, cell: &CellId, names: &CellNames, processor: P) -> Result<()> {
        let settings = cellstack_consumer::Settings { cell: cell.clone(), table: names.table.clone() };
        let ambient: Arc<dyn Ambient> = self.ambient.clone();
        let function = Arc::new(ConsumerFunction(Consumer::new(self.dynamodb(), settings, processor, ambient)));
        let mut mapping = QueueMapping::new(&names.events, &names.consumer);
        mapping.batch_size = pipeline::QUEUE_BATCH;
        mapping.max_concurrency = Some(pipeline::QUEUE_CONCURRENCY);
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = pipeline::CONSUMER_TIMEOUT;
        self.mappings.push(self.aws.map_queue(mapping, function)?);
        Ok(())
    }

    /// Ends the mappings; what they have under way is finished.
    pub async fn stop(self) {
        for mapping in self.mappings {
            mapping.stop().await;
        }
    }
}

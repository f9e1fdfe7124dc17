//! The resources of a cell, as `terraform/modules/cell` creates them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use cellstack_consumer::{Consumer, Processor};
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::limits::pipeline;
use cellstack_core::registry::{CellStatus, PARTITION_KEY, STATE, partition};
use cellstack_core::{CellId, Clock};
use cellstack_emulator::{QueueMapping, StreamMapping};
use cellstack_producer::Producer;
use serde_json::json;

use crate::function::{ConsumerFunction, ProducerFunction};
use crate::hooks::Role;
use crate::names::{ACCOUNT, CAPACITY, CellNames, REGION, arn, registry};
use crate::{Pipeline, Stack};

/// The stream mapping's filter, as Terraform writes it: new events alone.
const STREAM_FILTER: &str = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"sk":{"S":[{"prefix":"event#"}]},"status":{"S":["accepted"]}}}}"#;

/// High-throughput FIFO, as Terraform sets it up: limits and deduplication count per tenant.
const FIFO_QUEUE: [(QueueAttributeName, &str); 3] = [
    (QueueAttributeName::FifoQueue, "true"),
    (QueueAttributeName::DeduplicationScope, "messageGroup"),
    (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"),
];
/// The same for topics.
const FIFO_TOPIC: [(&str, &str); 2] = [("FifoTopic", "true"), ("FifoThroughputScope", "MessageGroup")];

impl Stack {
    pub(crate) async fn create_cell(&self, cell: &CellId, pipeline: Pipeline) -> Result<()> {
        let names = CellNames::ordered(cell, pipeline.ordering);
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
        self.register(cell, &names).await
    }

    /// Starts the functions of a cell.
    pub(crate) async fn run_cell<P: Processor>(
        &mut self,
        cell: &CellId,
        pipeline: Pipeline,
        processor: P,
    ) -> Result<()> {
        let names = CellNames::ordered(cell, pipeline.ordering);
        self.map_producer(cell, &names).await?;
        self.map_consumer(cell, &names, pipeline, processor).await
    }

    pub(crate) async fn create_table(&self, name: &str, hash: &str, range: Option<&str>, stream: bool) -> Result<()> {
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
        if name.ends_with(".fifo") {
            for (attribute, value) in FIFO_QUEUE {
                queue = queue.attributes(attribute, value);
            }
        }
        for (attribute, value) in attributes {
            queue = queue.attributes(attribute.clone(), value);
        }
        queue.send().await.with_context(|| format!("create queue {name}"))?;
        Ok(())
    }

    async fn create_topic(&self, names: &CellNames) -> Result<()> {
        let sns = self.sns();
        let fifo = names
            .events
            .ends_with(".fifo")
            .then(|| HashMap::from(FIFO_TOPIC.map(|(k, v)| (k.to_owned(), v.to_owned()))));
        let topic = sns.create_topic().name(&names.events).set_attributes(fifo).send().await.context("create topic")?;
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
        let number = |value: u64| AttributeValue::N(value.to_string());
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
            .item("topic_dlq_url", text(self.queue_url(&names.topic_dlq).await?))
            .item("stream_dlq_url", text(self.queue_url(&names.stream_dlq).await?))
            .item("region", text(REGION.to_owned()))
            .item("account", text(ACCOUNT.to_owned()))
            .item("wave", number(1))
            .item("capacity", number(CAPACITY))
            .item("weight", number(100))
            .item("tags", AttributeValue::M(HashMap::new()))
            .send()
            .await
            .context("register the cell")?;
        Ok(())
    }

    /// Gives a cell the state that `cellctl cells bootstrap` ends with.
    pub(crate) async fn activate(&self, cell: &CellId) -> Result<()> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = self.dynamodb().put_item().table_name(registry());
        let put = put.item(PARTITION_KEY, text(&partition(cell))).item("sk", text(STATE));
        put.item("status", text(CellStatus::Active.as_str())).send().await.context("activate the cell")?;
        Ok(())
    }

    async fn map_producer(&mut self, cell: &CellId, names: &CellNames) -> Result<()> {
        let dlq_url = self.queue_url(&names.stream_dlq).await?;
        let settings =
            cellstack_producer::Settings { cell: cell.clone(), topic_arn: arn("sns", &names.events), dlq_url };
        let clients = cellstack_producer::Clients { sns: self.sns(), sqs: self.sqs() };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let function = Arc::new(ProducerFunction(Producer::new(clients, settings, clock)));
        let mut mapping = StreamMapping::new(&names.table, &names.producer);
        mapping.filters = vec![STREAM_FILTER.to_owned()];
        mapping.batch_size = pipeline::STREAM_BATCH;
        mapping.bisect_batch_on_function_error = true;
        mapping.max_retries = Some(pipeline::STREAM_RETRIES);
        mapping.max_record_age = Some(pipeline::STREAM_RECORD_AGE);
        mapping.on_failure = Some(arn("sqs", &names.stream_dlq));
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = pipeline::PRODUCER_TIMEOUT;
        self.mappings.push(self.aws.map_stream(mapping, self.hooks.wrap(cell, Role::Producer, function))?);
        Ok(())
    }

    async fn map_consumer<P: Processor>(
        &mut self,
        cell: &CellId,
        names: &CellNames,
        pipeline: Pipeline,
        processor: P,
    ) -> Result<()> {
        let settings = cellstack_consumer::Settings {
            cell: cell.clone(),
            table: names.table.clone(),
            queue_url: self.queue_url(&names.events).await?,
            dlq_url: self.queue_url(&names.dlq).await?,
            max_tries: pipeline.max_tries,
            event_timeout: pipeline.event_timeout,
        };
        let clients = cellstack_consumer::Clients { dynamodb: self.dynamodb(), sqs: self.sqs() };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let function = Arc::new(ConsumerFunction(Consumer::new(clients, settings, processor, clock)));
        let mut mapping = QueueMapping::new(&names.events, &names.consumer);
        mapping.batch_size = pipeline::QUEUE_BATCH;
        mapping.max_concurrency = Some(pipeline::QUEUE_CONCURRENCY);
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = pipeline::CONSUMER_TIMEOUT;
        self.mappings.push(self.aws.map_queue(mapping, self.hooks.wrap(cell, Role::Consumer, function))?);
        Ok(())
    }
}

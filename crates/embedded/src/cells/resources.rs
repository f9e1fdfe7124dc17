//! The resources of a cell, as `terraform/modules/cell` creates them.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use cellstack_core::CellId;
use cellstack_core::cell_table::{SORT_KEY, TENANT_ID};
use cellstack_core::limits::pipeline;
use cellstack_core::registry::{CELL_ID, CONFIG, CellStatus, PARTITION_KEY, STATE, partition};
use serde_json::json;

use super::{Cells, DEFAULT_WEIGHT, Order};
use crate::names::{ACCOUNT, CAPACITY, CellNames, REGION, arn, registry};

/// High-throughput FIFO, as Terraform sets it up: limits and deduplication count per tenant.
const FIFO_QUEUE: [(QueueAttributeName, &str); 3] = [
    (QueueAttributeName::FifoQueue, "true"),
    (QueueAttributeName::DeduplicationScope, "messageGroup"),
    (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"),
];
/// The same for topics.
const FIFO_TOPIC: [(&str, &str); 2] = [("FifoTopic", "true"), ("FifoThroughputScope", "MessageGroup")];

impl Cells {
    /// Creates a cell of a new stack, in service.
    pub(crate) async fn create(&self, cell: &CellId) -> Result<()> {
        let names = CellNames::ordered(cell, self.0.base.pipeline.ordering);
        self.create_resources(&names).await?;
        let order = Order { cell: cell.clone(), capacity: CAPACITY, weight: DEFAULT_WEIGHT };
        self.register(&names, &order).await?;
        self.activate(cell).await
    }

    /// Creates a cell's resources; those that are there already stay as they are.
    pub(super) async fn create_resources(&self, names: &CellNames) -> Result<()> {
        let pipeline = self.0.base.pipeline;
        self.0.base.cloud.create_table(&names.table, TENANT_ID, Some(SORT_KEY), true).await?;
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
        self.create_topic(names).await
    }

    async fn create_queue(
        &self,
        name: &str,
        retention: Duration,
        attributes: &[(QueueAttributeName, String)],
    ) -> Result<()> {
        let mut queue = self
            .0
            .base
            .cloud
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
        let sns = self.0.base.cloud.sns();
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

    pub(super) async fn register(&self, names: &CellNames, order: &Order) -> Result<()> {
        let text = |value: String| AttributeValue::S(value);
        let number = |value: u64| AttributeValue::N(value.to_string());
        let (cell, cloud) = (&order.cell, &self.0.base.cloud);
        cloud
            .dynamodb()
            .put_item()
            .table_name(registry())
            .item(PARTITION_KEY, text(partition(cell)))
            .item("sk", text(CONFIG.to_owned()))
            .item(CELL_ID, text(cell.to_string()))
            .item("table", text(names.table.clone()))
            .item("table_arn", text(arn("dynamodb", &format!("table/{}", names.table))))
            .item("topic_arn", text(arn("sns", &names.events)))
            .item("queue_url", text(cloud.queue_url(&names.events).await?))
            .item("queue_arn", text(arn("sqs", &names.events)))
            .item("dlq_url", text(cloud.queue_url(&names.dlq).await?))
            .item("dlq_arn", text(arn("sqs", &names.dlq)))
            .item("topic_dlq_url", text(cloud.queue_url(&names.topic_dlq).await?))
            .item("stream_dlq_url", text(cloud.queue_url(&names.stream_dlq).await?))
            .item("region", text(REGION.to_owned()))
            .item("account", text(ACCOUNT.to_owned()))
            .item("wave", number(1))
            .item("capacity", number(order.capacity))
            .item("weight", number(order.weight))
            .item("tags", AttributeValue::M(HashMap::new()))
            .send()
            .await
            .context("register the cell")?;
        Ok(())
    }

    /// Gives a cell the state that `cellctl cells bootstrap` ends with.
    async fn activate(&self, cell: &CellId) -> Result<()> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = self.0.base.cloud.dynamodb().put_item().table_name(registry());
        let put = put.item(PARTITION_KEY, text(&partition(cell))).item("sk", text(STATE));
        let put = put.item(CELL_ID, text(cell.as_str()));
        put.item("status", text(CellStatus::Active.as_str())).send().await.context("activate the cell")?;
        Ok(())
    }
}

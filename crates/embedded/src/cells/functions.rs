//! The functions of a cell, and what invokes them.

use std::sync::Arc;

use anyhow::Result;
use cellstack_consumer::{Consumer, Processor};
use cellstack_core::limits::pipeline;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{CellId, Clock};
use cellstack_emulator::{Function, MappingHandle, QueueMapping, StreamMapping};
use cellstack_producer::Producer;

use super::Cells;
use crate::function::{ConsumerFunction, ProducerFunction};
use crate::hooks::Role;
use crate::names::{CellNames, arn};

/// The stream mapping's filter, as Terraform writes it: new events alone.
const STREAM_FILTER: &str = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"sk":{"S":[{"prefix":"event#"}]},"status":{"S":["accepted"]}}}}"#;

/// A consumer without its processor.
pub(crate) struct ConsumerParts {
    clients: cellstack_consumer::Clients,
    settings: cellstack_consumer::Settings,
    clock: Arc<dyn Clock>,
}

impl ConsumerParts {
    /// Returns the consumer's function around a processor.
    pub(crate) fn around(self, processor: impl Processor) -> Arc<dyn Function> {
        Arc::new(ConsumerFunction(Consumer::new(self.clients, self.settings, processor, self.clock)))
    }
}

impl Cells {
    /// Starts the functions of a cell of the roster.
    pub(crate) async fn run(
        &self,
        cell: &CellId,
        consumer: impl FnOnce(ConsumerParts) -> Arc<dyn Function>,
    ) -> Result<()> {
        let names = CellNames::ordered(cell, self.0.base.pipeline.ordering);
        let mappings = self.map(cell, &names, consumer).await?;
        self.roster().insert(cell, mappings);
        Ok(())
    }

    pub(super) async fn map(
        &self,
        cell: &CellId,
        names: &CellNames,
        consumer: impl FnOnce(ConsumerParts) -> Arc<dyn Function>,
    ) -> Result<Vec<MappingHandle>> {
        let producer = self.map_producer(cell, names).await?;
        let consumer = consumer(self.consumer_parts(cell, names).await?);
        Ok(vec![producer, self.map_consumer(cell, names, consumer)?])
    }

    async fn map_producer(&self, cell: &CellId, names: &CellNames) -> Result<MappingHandle> {
        let (base, cloud) = (&self.0.base, &self.0.base.cloud);
        let dlq_url = cloud.queue_url(&names.stream_dlq).await?;
        let settings =
            cellstack_producer::Settings { cell: cell.clone(), topic_arn: arn("sns", &names.events), dlq_url };
        let clients = cellstack_producer::Clients { sns: cloud.sns(), sqs: cloud.sqs() };
        let clock: Arc<dyn Clock> = base.clock.clone();
        let function = Arc::new(ProducerFunction(Producer::new(clients, settings, clock)));
        let mut mapping = StreamMapping::new(&names.table, &names.producer);
        if !is_planted(Mutation::HeldIsPublished) {
            mapping.filters = vec![STREAM_FILTER.to_owned()];
        }
        mapping.batch_size = pipeline::STREAM_BATCH;
        mapping.bisect_batch_on_function_error = true;
        mapping.max_retries = Some(pipeline::STREAM_RETRIES);
        mapping.max_record_age = Some(pipeline::STREAM_RECORD_AGE);
        mapping.on_failure = Some(arn("sqs", &names.stream_dlq));
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = pipeline::PRODUCER_TIMEOUT;
        Ok(cloud.aws.map_stream(mapping, base.hooks.wrap(cell, Role::Producer, function))?)
    }

    async fn consumer_parts(&self, cell: &CellId, names: &CellNames) -> Result<ConsumerParts> {
        let (pipeline, cloud) = (self.0.base.pipeline, &self.0.base.cloud);
        let settings = cellstack_consumer::Settings {
            cell: cell.clone(),
            table: names.table.clone(),
            queue_url: cloud.queue_url(&names.events).await?,
            dlq_url: cloud.queue_url(&names.dlq).await?,
            max_tries: pipeline.max_tries,
            event_timeout: pipeline.event_timeout,
        };
        let clients = cellstack_consumer::Clients { dynamodb: cloud.dynamodb(), sqs: cloud.sqs() };
        Ok(ConsumerParts { clients, settings, clock: self.0.base.clock.clone() })
    }

    fn map_consumer(&self, cell: &CellId, names: &CellNames, function: Arc<dyn Function>) -> Result<MappingHandle> {
        let base = &self.0.base;
        let mut mapping = QueueMapping::new(&names.events, &names.consumer);
        mapping.batch_size = pipeline::QUEUE_BATCH;
        mapping.max_concurrency = Some(pipeline::QUEUE_CONCURRENCY);
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = pipeline::CONSUMER_TIMEOUT;
        Ok(base.cloud.aws.map_queue(mapping, base.hooks.wrap(cell, Role::Consumer, function))?)
    }
}

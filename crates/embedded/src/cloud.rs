//! The embedded AWS, and clients for it.

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use cellstack_emulator::Aws;

use crate::process;

/// The embedded AWS of a stack, with the configuration of clients for it. Clones share it.
#[derive(Clone)]
pub(crate) struct Cloud {
    pub(crate) aws: Aws,
    pub(crate) config: SdkConfig,
}

impl Cloud {
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        process::dynamodb(&self.config)
    }

    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        process::sns(&self.config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        process::sqs(&self.config)
    }

    pub(crate) async fn queue_url(&self, name: &str) -> Result<String> {
        let response = self.sqs().get_queue_url().queue_name(name).send().await?;
        response.queue_url.context("a queue without URL")
    }

    /// Creates a table, unless it is there.
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
        match table.send().await {
            Err(error) if !error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {
                Err(error).with_context(|| format!("create table {name}"))
            }
            _ => Ok(()),
        }
    }

    /// Gives a table an index of the keys of those items that have an attribute, unless it has that index.
    pub(crate) async fn create_index(&self, table: &str, index: &str, attribute: &str) -> Result<()> {
        let client = self.dynamodb();
        let described = client.describe_table().table_name(table).send().await?.table;
        let indexes = described.and_then(|table| table.global_secondary_indexes).unwrap_or_default();
        if indexes.iter().any(|found| found.index_name.as_deref() == Some(index)) {
            return Ok(());
        }
        let definition = AttributeDefinition::builder().attribute_name(attribute);
        let action = CreateGlobalSecondaryIndexAction::builder()
            .index_name(index)
            .key_schema(KeySchemaElement::builder().attribute_name(attribute).key_type(KeyType::Hash).build()?)
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()?;
        let update = client.update_table().table_name(table);
        let update = update.attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build()?);
        let update =
            update.global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(action).build());
        update.send().await.with_context(|| format!("create index {index} of table {table}"))?;
        Ok(())
    }
}

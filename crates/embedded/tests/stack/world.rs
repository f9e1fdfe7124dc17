//! A stack to test against, and the requests of the tests.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bytes::Bytes;
use cellstack_consumer::Processor;
use cellstack_core::CellId;
use cellstack_core::dead_letter::{DeadLetter, Place};
use cellstack_core::fence::{FENCE_SHARDS, shard_key};
use cellstack_embedded::function_url::FunctionUrl;
use cellstack_embedded::names::CellNames;
use cellstack_embedded::{Ordering, Pipeline, Stack, StackBuilder};
use hyper::Request;
use serde_json::Value;

/// A stack of three cells with a tenant each: acme in alpha, globex in beta, initech in gamma.
pub(crate) struct StackWorld {
    pub(crate) stack: Stack,
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn id(&self) -> String {
        assert_eq!(self.status, 202, "{}", self.body);
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        self.json()["type"].as_str().unwrap().trim_start_matches("urn:cellstack:problem:").to_owned()
    }
}

pub(crate) fn builder() -> StackBuilder {
    let mut builder = Stack::builder().pipeline(Pipeline::IMPATIENT);
    for (tenant, cell) in [("acme", "alpha"), ("globex", "beta"), ("initech", "gamma")] {
        builder = builder.cell(cell.parse().unwrap()).tenant(tenant.parse().unwrap(), cell.parse().unwrap());
    }
    builder
}

/// Returns a request that sends an event.
pub(crate) fn order(tenant: &str, key: Option<&str>, body: impl Into<Bytes>) -> Request<Bytes> {
    let mut request =
        Request::post("/v1/events").header("content-type", "application/json").header("x-tenant-id", tenant);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(body.into()).unwrap()
}

pub(crate) fn look(tenant: &str, path: &str) -> Request<Bytes> {
    Request::get(path).header("x-tenant-id", tenant).body(Bytes::new()).unwrap()
}

pub(crate) async fn ask(url: &FunctionUrl, request: Request<Bytes>) -> Response {
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let (parts, body) = url.request(request, peer).await.into_parts();
    Response { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

impl StackWorld {
    pub(crate) async fn new() -> Self {
        Self { stack: builder().build().await.unwrap() }
    }

    pub(crate) async fn with<P: Processor>(processor: impl Fn() -> P) -> Self {
        Self { stack: builder().build_with(processor).await.unwrap() }
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response {
        ask(self.stack.url(), request).await
    }

    pub(crate) async fn post(&self, tenant: &str, body: impl Into<Bytes>) -> Response {
        self.post_named(tenant, None, body).await
    }

    pub(crate) async fn post_named(&self, tenant: &str, key: Option<&str>, body: impl Into<Bytes>) -> Response {
        self.send(order(tenant, key, body)).await
    }

    pub(crate) async fn get(&self, tenant: &str, path: &str) -> Response {
        self.send(look(tenant, path)).await
    }

    /// Returns the event's status as the API reports it.
    pub(crate) async fn status(&self, tenant: &str, id: &str) -> String {
        self.get(tenant, &format!("/v1/events/{id}")).await.json()["status"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn processed(&self, tenant: &str, id: &str) {
        for _ in 0..6_000 {
            if self.status(tenant, id).await == "processed" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("event {id} of {tenant} is {} after a minute", self.status(tenant, id).await);
    }

    /// Returns `[count, sum]` of a type.
    pub(crate) async fn total(&self, tenant: &str, event_type: &str) -> (u64, f64) {
        let totals = self.get(tenant, "/v1/totals").await.json();
        let total = totals["totals"].as_array().unwrap().iter().find(|total| total["type"] == event_type).cloned();
        total.map_or((0, 0.0), |total| (total["count"].as_u64().unwrap(), total["sum"].as_f64().unwrap()))
    }

    /// Returns the sort keys of all items in a cell's table.
    pub(crate) async fn items(&self, cell: &str) -> Vec<String> {
        let table = CellNames::of(&cell.parse().unwrap()).table;
        let items = self.stack.dynamodb().scan().table_name(table).send().await.unwrap().items.unwrap_or_default();
        items.iter().map(|item| item["sk"].as_s().unwrap().clone()).collect()
    }

    /// Returns the bodies of the messages in a queue.
    pub(crate) fn peek(&self, queue: &str) -> Vec<String> {
        self.stack.aws().peek_queue(queue).into_iter().map(|message| message.body.to_string()).collect()
    }

    /// Puts a text into a queue.
    pub(crate) async fn enqueue(&self, queue: &str, body: &str) {
        let url = self.stack.queue_url(queue).await.unwrap();
        self.stack.sqs().send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    /// Returns the letters in the dead-letter queue of a cell's queue, for either ordering.
    pub(crate) fn dead_letters(&self, cell: &str) -> Vec<DeadLetter> {
        let cell: CellId = cell.parse().unwrap();
        let names = [Ordering::None, Ordering::Tenant].map(|ordering| CellNames::ordered(&cell, ordering).dlq);
        let lying = names.iter().flat_map(|queue| self.stack.aws().peek_queue(queue));
        lying.map(|letter| DeadLetter::read(&letter.body, Place::Queue, &cell, letter.receive_count, "")).collect()
    }

    /// Waits for letters.
    pub(crate) async fn dead_letters_after_a_while(&self, cell: &str) -> Vec<DeadLetter> {
        for _ in 0..6_000 {
            let dead_letters = self.dead_letters(cell);
            if !dead_letters.is_empty() {
                return dead_letters;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing is in the dead-letter queue of {cell} after a minute");
    }

    /// Creates a table shaped like a cell's, without a stream.
    pub(crate) async fn create_table(&self, name: &str) {
        let mut table = self.stack.dynamodb().create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for (attribute, kind) in [("tenant_id", KeyType::Hash), ("sk", KeyType::Range)] {
            let definition = AttributeDefinition::builder().attribute_name(attribute);
            table = table
                .attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build().unwrap())
                .key_schema(KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().unwrap());
        }
        table.send().await.unwrap();
    }

    /// Sets one attribute of an item.
    pub(crate) async fn set(&self, table: &str, key: &[(&str, &str)], attribute: &str, value: AttributeValue) {
        let mut update = self.stack.dynamodb().update_item().table_name(table);
        for (name, value) in key {
            update = update.key(*name, AttributeValue::S((*value).to_owned()));
        }
        update
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", value)
            .send()
            .await
            .unwrap();
    }

    /// Sets an attribute of every shard of a tenant's fence.
    pub(crate) async fn set_fence(&self, table: &str, tenant: &str, attribute: &str, value: AttributeValue) {
        for shard in 0..FENCE_SHARDS {
            let key = shard_key(shard);
            self.set(table, &[("tenant_id", tenant), ("sk", &key)], attribute, value.clone()).await;
        }
    }

    /// Moves a tenant: its new cell takes its events under the next epoch, and its old one takes none.
    pub(crate) async fn move_tenant(&self, tenant: &str, from: &str, to: &str, epoch: u64) {
        let number = |value: u64| AttributeValue::N(value.to_string());
        let text = |value: &str| AttributeValue::S(value.to_owned());
        self.set_fence(&format!("cellstack-cell-{from}"), tenant, "state", text("closed")).await;
        self.set_fence(&format!("cellstack-cell-{to}"), tenant, "epoch", number(epoch)).await;
        self.set_fence(&format!("cellstack-cell-{to}"), tenant, "state", text("open")).await;
        let entry = [("tenant_id", tenant)];
        self.set("cellstack-tenant-map", &entry, "cell_id", text(to)).await;
        self.set("cellstack-tenant-map", &entry, "epoch", number(epoch)).await;
        self.set("cellstack-tenant-map", &entry, "state", text("active")).await;
    }

    pub(crate) fn calls(&self, operation: &str) -> u64 {
        self.stack.aws().calls("DynamoDB", operation)
    }
}

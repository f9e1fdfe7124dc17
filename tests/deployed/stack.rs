//! The deployed stack, and what one asks of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use cellstack_core::dead_letter::{DeadLetter, Place};
use hyper::Request;
use serde::Deserialize;
use serde_json::Value;

/// What Terraform says of the stack: `.local/outputs.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    router_url: String,
    pub(crate) cells: BTreeMap<String, Cell>,
    pub(crate) tenant_map_table: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Cell {
    pub(crate) table: String,
    pub(crate) topic_arn: String,
    pub(crate) queue_url: String,
    pub(crate) dlq_url: String,
    pub(crate) consumer_role_arn: String,
    pub(crate) producer_role_arn: String,
}

impl Deployed {
    pub(crate) fn read() -> Self {
        let path = std::env::var("CELLSTACK_OUTPUTS").expect("run this through terraform/local/run");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}; run make deploy-local"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Clients as this identity; without one, as the account's root.
    pub(crate) fn config(&self, credentials: Option<Credentials>) -> SdkConfig {
        let credentials = credentials.unwrap_or_else(|| Credentials::new("test", "test", None, None, "root"));
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .endpoint_url(&self.endpoint)
            .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
            .http_client(cellstack_core::aws::http_client())
            .build()
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config(None))
    }

    async fn send(&self, method: &str, tenant: &str, path: &str, body: &str) -> (u16, Value) {
        let rest = self.router_url.strip_prefix("http://").unwrap();
        let (address, prefix) = rest.split_once('/').unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let target = format!("/{}{path}", prefix.trim_end_matches('/'));
        let request = Request::builder().method(method).uri(target).header("x-tenant-id", tenant);
        let request = request.header("content-type", "application/json").body(Bytes::from(body.to_owned())).unwrap();
        let response = cellstack_local::client::send(address, request).await.unwrap();
        let json = serde_json::from_slice(response.body());
        (response.status().as_u16(), json.unwrap_or_else(|error| panic!("{error}: {response:?}")))
    }

    pub(crate) async fn post(&self, tenant: &str, body: &str) -> (u16, Value) {
        self.send("POST", tenant, "/v1/events", body).await
    }

    pub(crate) async fn get(&self, tenant: &str, path: &str) -> (u16, Value) {
        self.send("GET", tenant, path, "").await
    }

    pub(crate) async fn processed(&self, tenant: &str, id: &str) -> Value {
        eventually(&format!("event {id} of {tenant} is processed"), async || {
            let (_, event) = self.get(tenant, &format!("/v1/events/{id}")).await;
            (event["status"] == "processed").then_some(event)
        })
        .await
    }

    pub(crate) async fn total(&self, tenant: &str, event_type: &str) -> Option<(u64, String)> {
        let (_, totals) = self.get(tenant, "/v1/totals").await;
        let total = totals["totals"].as_array()?.iter().find(|total| total["type"] == event_type)?;
        Some((total["count"].as_u64()?, total["sum"].to_string()))
    }

    /// Every sort key in a cell's table.
    pub(crate) async fn keys(&self, cell: &str) -> Vec<String> {
        let mut items = self.dynamodb().scan().table_name(&self.cells[cell].table).into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = items.next().await {
            keys.push(item.unwrap()["sk"].as_s().unwrap().clone());
        }
        keys
    }

    /// What lies in a cell's dead-letter queue; it stays there.
    pub(crate) async fn letters(&self, cell: &str) -> Vec<DeadLetter> {
        let sqs = aws_sdk_sqs::Client::new(&self.config(None));
        let request = sqs.receive_message().queue_url(&self.cells[cell].dlq_url);
        let answer = request.visibility_timeout(0).max_number_of_messages(10).send().await.unwrap();
        let id = cell.parse().unwrap();
        let bodies = answer.messages.unwrap_or_default().into_iter().filter_map(|message| message.body);
        bodies.map(|body| DeadLetter::read(&body, Place::Queue, &id, 0, "")).collect()
    }

    /// Whether nothing waits in a queue and nothing is under way.
    pub(crate) async fn is_empty(&self, queue_url: &str) -> bool {
        let sqs = aws_sdk_sqs::Client::new(&self.config(None));
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(names.to_vec()));
        let attributes = request.send().await.unwrap().attributes.unwrap();
        names.iter().all(|name| attributes[name] == "0")
    }
}

/// Asks until there is an answer, for two minutes at most.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("after two minutes it is still not so that {what}");
}

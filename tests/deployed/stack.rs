//! The deployed stack, and the requests that the suite makes of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use cellstack_core::dead_letter::{DeadLetter, Place};
use cellstack_core::{Clock as _, SystemClock};
use cellstack_store::cells;
use cellstack_store::placement::{Order, Placement, Site};
use hyper::Request;
use serde::Deserialize;
use serde_json::Value;

use crate::caller::{AccessKey, Jwt, Signer, signed};

/// The stack by Terraform's outputs: `.local/outputs.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    router_url: String,
    pub(crate) router: Router,
    /// The object in which routers look for a snapshot of the tenant map.
    pub(crate) router_snapshot: String,
    pub(crate) cells: BTreeMap<String, Cell>,
    pub(crate) tenant_map_table: String,
    pub(crate) registry_table: String,
    /// The tokens that the router accepts.
    pub(crate) jwt: Jwt,
    /// The issuer's private key.
    signing_key: String,
    /// The caller that the function's policy admits.
    caller: AccessKey,
}

/// The proof of a request's sender.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proof {
    /// The credentials that sign it.
    pub(crate) signer: Option<Credentials>,
    pub(crate) token: Option<String>,
    /// The value of `x-tenant-id`.
    pub(crate) claims: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Router {
    pub(crate) role_arn: String,
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

    /// Returns the clients' configuration under this identity; without one, under the account's root.
    pub(crate) fn config(&self, credentials: Option<Credentials>) -> SdkConfig {
        let credentials = credentials.unwrap_or_else(|| Credentials::new("test", "test", None, None, "root"));
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .endpoint_url(&self.endpoint)
            .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
            .http_client(cellstack_aws::http_client())
            .build()
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config(None))
    }

    pub(crate) async fn place(&self, tenant: &str, cell: &str) {
        let client = self.dynamodb();
        let (map_table, registry) = (&self.tenant_map_table, &self.registry_table);
        let placement = Placement { client: &client, map_table, registry, operator: "end-to-end" };
        let tenant = tenant.parse().unwrap();
        let cell = cells::one(&client, registry, &cell.parse().unwrap()).await.unwrap().unwrap();
        let order = Order { tenant: &tenant, home: Site::from(&cell), standby: None, weight: 1, pinned: false };
        placement.place(&order, SystemClock::new().wall_ms()).await.unwrap();
    }

    /// Returns the issuer of tokens.
    pub(crate) fn issuer(&self) -> Signer {
        Signer::of_pem(&self.signing_key)
    }

    /// Returns a proof with the admitted caller's signature and a token for this tenant.
    pub(crate) fn proof(&self, tenant: &str) -> Proof {
        let token = self.issuer().token(&self.jwt.header(), &self.jwt.claims(tenant));
        Proof { signer: Some(self.caller.credentials()), token: Some(token), claims: None }
    }

    /// Sends a request. Returns the status and the response as text: IAM's own refusals are not the router's.
    pub(crate) async fn send(&self, proof: &Proof, method: &str, path: &str, body: &str) -> (u16, String) {
        let rest = self.router_url.strip_prefix("http://").unwrap();
        let (host, prefix) = rest.split_once('/').unwrap();
        let address: SocketAddr = host.parse().unwrap();
        let target = format!("/{}{path}", prefix.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(target).header("content-type", "application/json");
        if let Some(token) = &proof.token {
            request = request.header(&self.jwt.header, token);
        }
        if let Some(tenant) = &proof.claims {
            request = request.header("x-tenant-id", tenant);
        }
        let mut request = request.body(Bytes::from(body.to_owned())).unwrap();
        if let Some(credentials) = &proof.signer {
            request = signed(request, host, &self.region, credentials.clone());
        }
        let response = cellstack_embedded::client::send(address, request).await.unwrap();
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }

    async fn ask(&self, tenant: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.send(&self.proof(tenant), method, path, body).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {error}: {text}")))
    }

    pub(crate) async fn post(&self, tenant: &str, body: &str) -> (u16, Value) {
        self.ask(tenant, "POST", "/v1/events", body).await
    }

    pub(crate) async fn get(&self, tenant: &str, path: &str) -> (u16, Value) {
        self.ask(tenant, "GET", path, "").await
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

    /// Returns every sort key in a cell's table.
    pub(crate) async fn keys(&self, cell: &str) -> Vec<String> {
        let mut items = self.dynamodb().scan().table_name(&self.cells[cell].table).into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = items.next().await {
            keys.push(item.unwrap()["sk"].as_s().unwrap().clone());
        }
        keys
    }

    /// Returns the letters in a cell's dead-letter queue, which stay there.
    pub(crate) async fn dead_letters(&self, cell: &str) -> Vec<DeadLetter> {
        let sqs = aws_sdk_sqs::Client::new(&self.config(None));
        let request = sqs.receive_message().queue_url(&self.cells[cell].dlq_url);
        let response = request.visibility_timeout(0).max_number_of_messages(10).send().await.unwrap();
        let id = cell.parse().unwrap();
        let bodies = response.messages.unwrap_or_default().into_iter().filter_map(|message| message.body);
        bodies.map(|body| DeadLetter::read(&body, Place::Queue, &id, 0, "")).collect()
    }

    /// Returns whether a queue has no messages, neither visible nor in flight.
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

/// Asks until there is a response, for at most two minutes.
pub(crate) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(response) = ask().await {
            return response;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("after two minutes it is still not so that {what}");
}

//! The wire between a router environment and AWS: it knows the sender of each write, and the true age of its route.
//!
//! The router itself decides whether a route is fresh. The wire knows better: it sees when the map was read, and its
//! time is the simulator's own, independent of the environment's clocks.

use cellstack_core::RouteState;
use cellstack_core::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use cellstack_core::cell_table::TENANT_ID;
use cellstack_core::limits::TENANT_LEASE;
use serde_json::{Value, json};
use tokio::time::Instant;

use cellstack_embedded::names::tenant_map;

/// A count of an environment's writes by guard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// Fenced writes, since the route was stale or its tenant moving.
    pub(crate) fenced: usize,
    /// Plain writes, within the lease.
    pub(crate) plain: usize,
    /// Plain writes although the route was stale or its tenant not active, in words. Each is a violation.
    pub(crate) wrong: Vec<String>,
}

impl Writes {
    pub(crate) fn add(&mut self, more: Self) {
        self.fenced += more.fenced;
        self.plain += more.plain;
        self.wrong.extend(more.wrong);
    }
}

/// The wire between an environment and AWS. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Mutex<Knowledge>>);

/// A read of the map.
#[derive(Debug, Clone)]
struct Read {
    /// The time of its request: the response may be as old as that.
    asked: Instant,
    active: bool,
}

impl Read {
    /// Returns whether it lets a request that began then write without the fence.
    fn is_fresh(&self, begun: Instant) -> bool {
        self.active && begun.saturating_duration_since(self.asked) < TENANT_LEASE
    }
}

#[derive(Debug)]
struct Knowledge {
    name: String,
    /// The last read of each tenant.
    read: BTreeMap<String, Read>,
    /// The beginning of the invocation under way, and the read of its tenant that was known then.
    begun: (Instant, Option<Read>),
    writes: Writes,
    /// A planted bug: writes that are to be fenced go out as plain ones.
    unfence: bool,
}

impl Wire {
    pub(crate) fn new(name: String, unfence: bool) -> Self {
        let writes = Writes::default();
        Self(Arc::new(Mutex::new(Knowledge {
            name,
            read: BTreeMap::new(),
            begun: (Instant::now(), None),
            writes,
            unfence,
        })))
    }

    /// Returns a configuration whose calls go over this wire.
    pub(crate) fn tap(&self, config: &SdkConfig) -> SdkConfig {
        match config.http_client() {
            Some(client) => config.to_builder().http_client(Tap { wire: self.clone(), client }).build(),
            None => config.clone(),
        }
    }

    /// Begins an invocation for a tenant.
    pub(crate) fn begin(&self, tenant: &str) {
        let mut state = self.lock();
        state.begun = (Instant::now(), state.read.get(tenant).cloned());
    }

    /// Returns the present age of the environment's route of a tenant; `None` if it has none.
    pub(crate) fn age(&self, tenant: &str) -> Option<Duration> {
        self.lock().read.get(tenant).map(|read| read.asked.elapsed())
    }

    /// Takes the writes since the last call.
    pub(crate) fn take_writes(&self) -> Writes {
        std::mem::take(&mut self.lock().writes)
    }

    fn lock(&self) -> MutexGuard<'_, Knowledge> {
        lock(&self.0)
    }
}

impl Knowledge {
    fn sends(&mut self, operation: &str, request: &Value) {
        match operation {
            "TransactWriteItems" => self.writes.fenced += 1,
            "PutItem" => {
                let tenant = request["Item"][TENANT_ID]["S"].as_str().unwrap_or_default();
                let (begun, before) = &self.begun;
                // A read that came meanwhile counts if it was sent since: the router may have decided before it came.
                let since = self.read.get(tenant).filter(|read| read.asked >= *begun);
                if before.iter().chain(since).any(|read| read.is_fresh(*begun)) {
                    self.writes.plain += 1;
                } else {
                    let age = before.as_ref().map(|read| begun.saturating_duration_since(read.asked));
                    self.writes.wrong.push(format!(
                        "{} wrote {} of {tenant} without its fence, by a route of age {age:?}",
                        self.name,
                        request["Item"]["sk"]["S"].as_str().unwrap_or_default(),
                    ));
                }
            }
            _ => {}
        }
    }

    /// Records the response to a read of the map that was sent at `sent`.
    fn learns(&mut self, sent: Instant, response: &[u8]) {
        let response: Value = serde_json::from_slice(response).unwrap_or_default();
        let text = |name: &str| response["Item"][name]["S"].as_str().map(ToOwned::to_owned);
        if let (Some(tenant), Some(state)) = (text(TENANT_ID), text("state")) {
            self.read.insert(tenant, Read { asked: sent, active: state == RouteState::Active.as_str() });
        }
    }
}

#[derive(Debug)]
struct Tap {
    wire: Wire,
    client: SharedHttpClient,
}

impl HttpClient for Tap {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(Tapped { wire: self.wire.clone(), connector })
    }
}

#[derive(Debug)]
struct Tapped {
    wire: Wire,
    connector: SharedHttpConnector,
}

impl HttpConnector for Tapped {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let mut operation = operation(&request).to_owned();
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let wire = self.wire.clone();
        {
            let mut state = wire.lock();
            if state.unfence && operation == "TransactWriteItems" {
                unfence(&mut request, &mut body);
                "PutItem".clone_into(&mut operation);
            }
            state.sends(&operation, &body);
        }
        let (sent, response) = (Instant::now(), self.connector.call(request));
        if operation != "GetItem" || body["TableName"] != tenant_map() {
            return response;
        }
        HttpConnectorFuture::new(async move {
            let response = response.await?;
            if response.status().is_success() {
                wire.lock().learns(sent, response.body().bytes().unwrap_or_default());
            }
            Ok(response)
        })
    }
}

fn operation(request: &HttpRequest) -> &str {
    request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
}

/// Replaces a transaction of a fence's check and a write by the write alone.
fn unfence(request: &mut HttpRequest, body: &mut Value) {
    let put = body["TransactItems"].as_array().and_then(|items| items.iter().find_map(|item| item.get("Put"))).cloned();
    *body = put.unwrap_or_else(|| json!({}));
    let text = body.to_string();
    request.headers_mut().insert("content-length", text.len().to_string());
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.PutItem");
    *request.body_mut() = SdkBody::from(text);
}

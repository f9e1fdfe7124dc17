//! The wire between a router environment and AWS: who sent which write, and how old its route really was.
//!
//! The router says of itself whether a route is fresh. This knows better: it sees when the map was read, and time here is
//! the simulator's own, whatever the environment's clocks show.

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

/// How the writes of an environment were guarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// Fenced, since the route was stale or its tenant moving.
    pub(crate) fenced: usize,
    /// Plain, within the lease.
    pub(crate) plain: usize,
    /// Plain although the route was stale or its tenant not active: what must not be.
    pub(crate) wrong: Vec<String>,
}

impl Writes {
    pub(crate) fn add(&mut self, more: Self) {
        self.fenced += more.fenced;
        self.plain += more.plain;
        self.wrong.extend(more.wrong);
    }
}

/// The wire between an environment and AWS. Clones are the same wire.
#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Mutex<Knowledge>>);

/// An answer of the map.
#[derive(Debug, Clone)]
struct Read {
    /// When it was asked: an answer may be as old as that.
    asked: Instant,
    active: bool,
}

impl Read {
    /// Whether it lets a request that began then write without the fence.
    fn is_fresh(&self, begun: Instant) -> bool {
        self.active && begun.saturating_duration_since(self.asked) < TENANT_LEASE
    }
}

#[derive(Debug)]
struct Knowledge {
    name: String,
    /// The last answer about each tenant.
    read: BTreeMap<String, Read>,
    /// When the invocation under way began, and what was known of its tenant then.
    begun: (Instant, Option<Read>),
    writes: Writes,
    /// A bug to plant: what is to be fenced goes out as a plain write.
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

    /// A configuration whose calls go over this wire.
    pub(crate) fn tap(&self, config: &SdkConfig) -> SdkConfig {
        match config.http_client() {
            Some(client) => config.to_builder().http_client(Tap { wire: self.clone(), client }).build(),
            None => config.clone(),
        }
    }

    /// An invocation for a tenant begins.
    pub(crate) fn begin(&self, tenant: &str) {
        let mut state = self.lock();
        state.begun = (Instant::now(), state.read.get(tenant).cloned());
    }

    /// How old the environment's route of a tenant is by now; `None` if it has none.
    pub(crate) fn age(&self, tenant: &str) -> Option<Duration> {
        self.lock().read.get(tenant).map(|read| read.asked.elapsed())
    }

    /// The writes since the last time.
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
                // What was learned meanwhile counts if it was asked since: the router may have decided before it came.
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

    /// A read of the map that was sent at `sent` has been answered.
    fn learns(&mut self, sent: Instant, answer: &[u8]) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let text = |name: &str| answer["Item"][name]["S"].as_str().map(ToOwned::to_owned);
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
        let (sent, answer) = (Instant::now(), self.connector.call(request));
        if operation != "GetItem" || body["TableName"] != tenant_map() {
            return answer;
        }
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if answer.status().is_success() {
                wire.lock().learns(sent, answer.body().bytes().unwrap_or_default());
            }
            Ok(answer)
        })
    }
}

fn operation(request: &HttpRequest) -> &str {
    request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
}

/// Makes a transaction of a fence's check and a write the write alone.
fn unfence(request: &mut HttpRequest, body: &mut Value) {
    let put = body["TransactItems"].as_array().and_then(|items| items.iter().find_map(|item| item.get("Put"))).cloned();
    *body = put.unwrap_or_else(|| json!({}));
    let text = body.to_string();
    request.headers_mut().insert("content-length", text.len().to_string());
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.PutItem");
    *request.body_mut() = SdkBody::from(text);
}

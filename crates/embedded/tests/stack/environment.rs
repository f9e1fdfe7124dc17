//! Another environment of the router: its own cache, breakers and clocks, and a wire that can be listened to.

use cellstack_core::sync::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bytes::Bytes;
use cellstack_embedded::VirtualClock;
use cellstack_embedded::function_url::FunctionUrl;
use cellstack_embedded::names::{registry, tenant_map};
use cellstack_router::{Router, Settings, TenantSource};
use hyper::Request;

use crate::world::{Response, StackWorld, ask, look, order};

pub(crate) struct Environment {
    url: FunctionUrl,
    pub(crate) clocks: Arc<VirtualClock>,
    pub(crate) wire: Wire,
}

impl Environment {
    pub(crate) fn of(world: &StackWorld) -> Self {
        Self::with(world, |_| {})
    }

    pub(crate) fn with(world: &StackWorld, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(tenant_map(), registry(), TenantSource::Header);
        set(&mut settings);
        let config = world.stack.aws().sdk_config();
        let wire = Wire::new(config.http_client().expect("the embedded AWS brings a client"));
        let config = config.to_builder().http_client(wire.clone()).build();
        let clocks = Arc::new(VirtualClock::new(7));
        let router = Router::new(&config, settings, Arc::clone(&clocks));
        Self { url: FunctionUrl::new(Arc::new(router), Arc::clone(&clocks)), clocks, wire }
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response {
        ask(&self.url, request).await
    }

    pub(crate) async fn post(&self, tenant: &str, body: impl Into<Bytes>) -> Response {
        ask(&self.url, order(tenant, None, body)).await
    }

    pub(crate) async fn post_named(&self, tenant: &str, key: &str, body: impl Into<Bytes>) -> Response {
        ask(&self.url, order(tenant, Some(key), body)).await
    }

    pub(crate) async fn get(&self, tenant: &str, path: &str) -> Response {
        ask(&self.url, look(tenant, path)).await
    }

    /// Freezes it between two invocations, for so long.
    pub(crate) async fn frozen(&self, time: Duration) {
        self.clocks.freeze();
        tokio::time::sleep(time).await;
        self.clocks.thaw();
    }
}

/// A call as it went over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) operation: String,
    pub(crate) body: String,
}

impl Sent {
    /// Returns the ids of the events that it names.
    pub(crate) fn events(&self) -> Vec<&str> {
        self.body.match_indices("event#").filter_map(|(at, text)| self.body.get(at + text.len()..at + 42)).collect()
    }
}

/// A recorder of an environment's calls, which can hold a response back.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    client: SharedHttpClient,
    state: Arc<Mutex<TamperState>>,
}

#[derive(Debug, Default)]
struct TamperState {
    sent: Vec<Sent>,
    /// The operation whose next response comes late, and the delay.
    late: Option<(&'static str, Duration)>,
}

impl Wire {
    fn new(client: SharedHttpClient) -> Self {
        Self { client, state: Arc::default() }
    }

    /// Takes the calls since the last time.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut lock(&self.state).sent)
    }

    /// Delays the next response to a call of `operation` by `by`.
    pub(crate) fn delay_response(&self, operation: &'static str, by: Duration) {
        lock(&self.state).late = Some((operation, by));
    }

    fn note(&self, request: &HttpRequest) -> Option<Duration> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let mut state = lock(&self.state);
        let late = state.late.take_if(|(late, _)| *late == operation).map(|(_, by)| by);
        state.sent.push(Sent { operation, body });
        late
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(Tapped { wire: self.clone(), connector })
    }
}

#[derive(Debug)]
struct Tapped {
    wire: Wire,
    connector: SharedHttpConnector,
}

impl HttpConnector for Tapped {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let late = self.wire.note(&request);
        let response = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let response = response.await;
            if let Some(by) = late {
                tokio::time::sleep(by).await;
            }
            response
        })
    }
}

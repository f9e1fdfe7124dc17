//! One request: who it is, where its cell is, what it wants there.

use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_core::Ambient;
use cellstack_core::limits::ANSWER_RESERVE;
use lambda_http::http::Method;
use lambda_http::{Body, Response};

use crate::answer;
use crate::call::{Call, Query};
use crate::cell::Cells;
use crate::clock::Clock;
use crate::failover::Standby;
use crate::intake;
use crate::invocation::{Invocation, Reply};
use crate::metrics::{Metric, Metrics};
use crate::problem::{Kind, Problem};
use crate::rehearsal::rehearse;
use crate::resolve::Resolver;
use crate::settings::Settings;
use crate::tenant::Identity;
use crate::visit::Visit;

/// The router: everything a request needs, made once an environment.
pub struct Router<A> {
    pub(crate) clock: Clock<A>,
    pub(crate) resolver: Resolver<A>,
    pub(crate) cells: Cells<A>,
    pub(crate) metrics: Metrics,
    pub(crate) standby: Standby,
    identity: Identity<A>,
    warm_up: bool,
}

impl<A: Ambient + Clone> Router<A> {
    /// A router with an empty cache.
    pub fn new(config: &SdkConfig, settings: Settings, ambient: A) -> Self {
        let clock = Clock::new(ambient.clone());
        let metrics = Metrics { stack: settings.stack.clone() };
        Self {
            resolver: Resolver::new(config, &settings, &clock, metrics.clone()),
            cells: Cells::new(config.clone(), clock.clone(), metrics.clone()),
            identity: Identity::new(settings.tenant_source, ambient),
            standby: settings.standby,
            warm_up: settings.warm_up,
            clock,
            metrics,
        }
    }

    /// Does before the first request what would make that one wait, unless it is told not to: makes the connection,
    /// reads the keys of tokens, and sends a made-up event through a router of its own. `config` is what the router was
    /// made with.
    pub async fn warm_up(&self, config: &SdkConfig) {
        if !self.warm_up {
            return;
        }
        // The rehearsal fills the time in which the connection is made.
        let connect = async { tokio::join!(self.resolver.warm_up(), self.identity.warm_up()) };
        let (_, rehearsed) = tokio::join!(connect, rehearse(config, self.clock.ambient.clone()));
        if let Err(found) = rehearsed {
            tracing::warn!(found, "rehearsal");
        }
    }

    /// Answers a request within `time`, less what it takes to answer. Never fails: what goes wrong becomes a problem
    /// document. `request_id` is the runtime's name for it, for an event that brings none.
    pub async fn invoke(&self, invocation: Invocation, request_id: &str, time: Duration) -> Reply {
        let (method, own_id) = (invocation.method.clone(), invocation.request_id.clone());
        let request_id = own_id.as_deref().unwrap_or(request_id);
        let mut visit = Visit::default();
        let time = time.saturating_sub(ANSWER_RESERVE).max(ANSWER_RESERVE / 10);
        // Boxed: what waits for a request, here and in whoever embeds a router, stays small.
        let answer = match tokio::time::timeout(time, Box::pin(self.answer(invocation, &mut visit))).await {
            Ok(answer) => answer,
            Err(_) => Err(Problem::unavailable("The request could not be served in time.")),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            match problem.kind {
                Kind::TenantMismatch => self.metrics.count(Metric::TenantMismatch),
                Kind::Unauthenticated => self.metrics.count(Metric::Unauthenticated),
                _ => {}
            }
            let problem = if method == Method::POST { problem.of_post() } else { problem };
            problem.into_response(request_id)
        });
        visit.stamp(&mut response, request_id);
        visit.log(&method, &response);
        Reply(response)
    }

    async fn answer(&self, invocation: Invocation, visit: &mut Visit) -> Result<Response<Body>, Problem> {
        let Invocation { method, path, query, headers, body, .. } = invocation;
        let body = body?;
        let query = Query::parse(&query);
        let call = Call::of(&method, &path, &query)?;
        // Whoever asks whether the function runs need not say who asks.
        let proven = if call == Call::Health { None } else { self.identity.prove(&headers).await? };
        let tenant = |claimed| self.identity.settle(proven, &headers, claimed);
        match call {
            Call::Health => answer::health(),
            Call::PostEvent => {
                let intake = intake::read(&headers, &body, &self.clock.ambient)?;
                let tenant = tenant(intake.claimed)?;
                intake::check_size(&tenant, &intake.event)?;
                self.post_event(tenant, intake.event, intake.named, visit).await
            }
            Call::ListEvents(listing) => self.list_events(&tenant(query.tenant()?)?, &listing, visit).await,
            Call::GetEvent(id) => self.get_event(&tenant(query.tenant()?)?, id, visit).await,
            Call::Totals(page) => self.totals(&tenant(query.tenant()?)?, &page, visit).await,
            Call::Route => self.show_route(&tenant(query.tenant()?)?, visit).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use cellstack_core::SystemAmbient;
    use tokio::time::Instant;

    use super::*;
    use crate::tenant::TenantSource;

    /// Nobody answers.
    #[derive(Debug, Clone)]
    struct Silence;

    impl HttpClient for Silence {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(Self)
        }
    }

    impl HttpConnector for Silence {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_answered_before_its_time_is_over_whatever_hangs() {
        let credentials = Credentials::new("a", "b", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(Silence)
            .build();
        let settings = Settings::new("map".to_owned(), "registry".to_owned(), TenantSource::Header);
        let router = Router::new(&config, settings, SystemAmbient::new());
        let event =
            r#"{"rawPath":"/v1/route","requestContext":{"http":{"method":"GET"}},"headers":{"x-tenant-id":"a"}}"#;
        let before = Instant::now();
        let time = ANSWER_RESERVE + Duration::from_millis(300);
        let Reply(response) = router.invoke(serde_json::from_str(event).unwrap(), "r-1", time).await;
        assert_eq!(before.elapsed(), Duration::from_millis(300), "before the lookup's own time-out");
        assert_eq!((response.status().as_u16(), &response.headers()["x-request-id"]), (503, &"r-1".parse().unwrap()));
        assert!(response.headers().contains_key("retry-after"));
    }
}

//! The way of a request: its tenant, its operation, and the response.

use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_core::limits::RESPONSE_RESERVE;
use cellstack_core::text::head;
use cellstack_core::{Clock, Entropy};
use lambda_http::http::Method;
use lambda_http::{Body, Response};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::auth::Identity;
use crate::cell::Cells;
use crate::clock::RouterClock;
use crate::context::RequestContext;
use crate::http::function_url::{Invocation, Reply};
use crate::http::operation::{Operation, Query};
use crate::http::problem::{Kind, Problem};
use crate::http::response;
use crate::ingest;
use crate::metrics::{Metric, Metrics};
use crate::operations::FencedWaits;
use crate::priming::prime;
use crate::routing::failover::Standby;
use crate::routing::{FirstSight, Locator, Resolver};
use crate::settings::Settings;

/// The router: everything a request needs, made once per environment.
pub struct Router<A> {
    pub(crate) clock: RouterClock<A>,
    pub(crate) locator: Locator<A>,
    pub(crate) metrics: Metrics,
    pub(crate) standby: Standby,
    pub(crate) fenced_waits: FencedWaits,
    /// The writer of requests for placement, where placement on first sight is on.
    pub(crate) first_sight: Option<FirstSight<A>>,
    identity: Identity<A>,
    warm_up: bool,
}

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Makes a router with an empty cache.
    pub fn new(config: &SdkConfig, settings: Settings, source: A) -> Self {
        let clock = RouterClock::new(source.clone());
        let metrics = Metrics::new(settings.stack.clone());
        Self {
            locator: Locator::new(
                Resolver::new(config, &settings, &clock, metrics.clone()),
                Cells::new(config.clone(), clock.clone(), metrics.clone()),
            ),
            first_sight: FirstSight::new(config, &settings, &clock),
            identity: Identity::new(settings.tenant_source, source),
            standby: settings.standby,
            fenced_waits: FencedWaits::default(),
            warm_up: settings.warm_up,
            clock,
            metrics,
        }
    }

    /// Does before the first request what would delay it, unless the settings turn that off: makes the connection,
    /// reads the keys of tokens, and sends a made-up event through a router of its own. `config` is the configuration
    /// that the router was made with.
    pub async fn warm_up(&self, config: &SdkConfig) {
        if !self.warm_up {
            return;
        }
        // The priming fills the time in which the connection is made.
        let connect = async { tokio::join!(self.locator.warm_up(), self.identity.warm_up()) };
        let (_, primed) = tokio::join!(connect, prime(config, self.clock.source.clone()));
        if let Err(found) = primed {
            tracing::warn!(found, "priming");
        }
    }

    /// Responds to a request within `time`, less the reserve for the response. Never fails: every failure becomes a
    /// problem document. `request_id` is the runtime's name for the request, used if the event brings none.
    pub async fn invoke(&self, mut invocation: Invocation, request_id: &str, time: Duration) -> Reply {
        let (method, own_id) = (invocation.method.clone(), invocation.request_id.take());
        let request_id = own_id.as_deref().unwrap_or(request_id);
        let span = span(request_id, &invocation.path);
        let mut context = RequestContext::default();
        let time = time.saturating_sub(RESPONSE_RESERVE).max(RESPONSE_RESERVE / 10);
        let deadline = Instant::now() + time;
        // Boxed at once: a future this large is copied each time it is moved.
        let response = Box::pin(self.response(invocation, &mut context, &span, deadline, request_id));
        let response = match tokio::time::timeout_at(deadline, response.instrument(span.clone())).await {
            Ok(response) => response,
            Err(_) => Err(Problem::unavailable("The request could not be served in time.")),
        };
        let mut response = response.unwrap_or_else(|problem| {
            self.note(&problem);
            let problem = if method == Method::POST { problem.of_post() } else { problem };
            problem.into_response(request_id)
        });
        finish(&method, &mut response);
        context.stamp(&mut response, request_id);
        span.in_scope(|| context.log(&method, &response));
        Reply(response)
    }

    /// Counts problems that should be rare.
    pub(crate) fn note(&self, problem: &Problem) {
        match problem.kind {
            Kind::TenantMismatch => self.metrics.count(Metric::TenantMismatch),
            Kind::Unauthenticated => self.metrics.count(Metric::Unauthenticated),
            _ => {}
        }
    }

    async fn response(
        &self,
        invocation: Invocation,
        context: &mut RequestContext,
        span: &Span,
        deadline: Instant,
        request_id: &str,
    ) -> Result<Response<Body>, Problem> {
        let Invocation { method, path, query, headers, body, problem, .. } = invocation;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let query = Query::parse(&query);
        // HEAD is GET whose response has no body (RFC 9110, section 9.3.2).
        let method = if method == Method::HEAD { Method::GET } else { method };
        let call = Operation::of(&method, &path, &query)?;
        // A health check needs no tenant.
        let proven = if call == Operation::Health { None } else { self.identity.prove(&headers).await? };
        let settle = |claimed| self.identity.settle(proven.clone(), &headers, claimed);
        let tenant = |claimed| {
            let tenant = settle(claimed)?;
            span.record("tenant", tenant.as_str());
            Ok::<_, Problem>(tenant)
        };
        // All but a single event are boxed: that one's future would be as large as the largest of them.
        match call {
            Operation::Health => response::health(),
            Operation::PostEvent if ingest::is_batch(&headers) => {
                let events = ingest::read_batch(&headers, &body.bytes()?, &self.clock.source)?;
                // Writing the verdicts takes time, too.
                let deadline = deadline.checked_sub(RESPONSE_RESERVE / 10).unwrap_or(deadline);
                Box::pin(self.post_batch(events, settle, deadline, context, request_id)).await
            }
            Operation::PostEvent => {
                let ingest = ingest::read(&headers, &body.bytes()?, &self.clock.source)?;
                let tenant = tenant(ingest.claimed)?;
                ingest::check_size(&tenant, &ingest.event)?;
                self.post_event(tenant, ingest.event, ingest.named, context, request_id).await
            }
            Operation::ListEvents(listing) => {
                Box::pin(self.list_events(&tenant(query.tenant()?)?, &listing, context)).await
            }
            Operation::GetEvent(id, wait) => {
                Box::pin(self.get_event(&tenant(query.tenant()?)?, id, wait, deadline, context)).await
            }
            Operation::Totals(page) => Box::pin(self.totals(&tenant(query.tenant()?)?, &page, context)).await,
            Operation::Route => Box::pin(self.show_route(&tenant(query.tenant()?)?, context)).await,
        }
    }
}

/// Makes the span of a request, whose fields are in each of its log lines.
fn span(request_id: &str, path: &str) -> Span {
    /// The longest path that is logged. A longer one matches no operation.
    const LONGEST: usize = 200;
    let path = head(path, LONGEST);
    // The level of errors, so that a log of errors only still shows these fields.
    tracing::error_span!("request", requestId = request_id, path, tenant = Empty)
}

/// Ends the body with a newline, for terminals, or empties it for HEAD.
fn finish(method: &Method, response: &mut Response<Body>) {
    if *method == Method::HEAD {
        *response.body_mut() = Body::Empty;
    } else if let Body::Text(text) = response.body_mut() {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests;

//! One request: who it is, where its cell is, what it wants there.

use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_core::Ambient;
use cellstack_core::limits::ANSWER_RESERVE;
use lambda_http::http::Method;
use lambda_http::{Body, Response};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

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
        let metrics = Metrics::new(settings.stack.clone());
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
    pub async fn invoke(&self, mut invocation: Invocation, request_id: &str, time: Duration) -> Reply {
        let (method, own_id) = (invocation.method.clone(), invocation.request_id.take());
        let request_id = own_id.as_deref().unwrap_or(request_id);
        let span = span(request_id, &invocation.path);
        let mut visit = Visit::default();
        let time = time.saturating_sub(ANSWER_RESERVE).max(ANSWER_RESERVE / 10);
        let deadline = Instant::now() + time;
        // Boxed at once: a future this large is copied each time it is moved.
        let answer = Box::pin(self.answer(invocation, &mut visit, &span, deadline, request_id));
        let answer = match tokio::time::timeout_at(deadline, answer.instrument(span.clone())).await {
            Ok(answer) => answer,
            Err(_) => Err(Problem::unavailable("The request could not be served in time.")),
        };
        let mut response = answer.unwrap_or_else(|problem| {
            self.note(&problem);
            let problem = if method == Method::POST { problem.of_post() } else { problem };
            problem.into_response(request_id)
        });
        finish(&method, &mut response);
        visit.stamp(&mut response, request_id);
        span.in_scope(|| visit.log(&method, &response));
        Reply(response)
    }

    /// Counts what should be rare.
    pub(crate) fn note(&self, problem: &Problem) {
        match problem.kind {
            Kind::TenantMismatch => self.metrics.count(Metric::TenantMismatch),
            Kind::Unauthenticated => self.metrics.count(Metric::Unauthenticated),
            _ => {}
        }
    }

    async fn answer(
        &self,
        invocation: Invocation,
        visit: &mut Visit,
        span: &Span,
        deadline: Instant,
        request_id: &str,
    ) -> Result<Response<Body>, Problem> {
        let Invocation { method, path, query, headers, body, problem, .. } = invocation;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let query = Query::parse(&query);
        // HEAD is GET whose answer comes without its body (RFC 9110, section 9.3.2).
        let method = if method == Method::HEAD { Method::GET } else { method };
        let call = Call::of(&method, &path, &query)?;
        // Whoever asks whether the function runs need not say who asks.
        let proven = if call == Call::Health { None } else { self.identity.prove(&headers).await? };
        let settle = |claimed| self.identity.settle(proven.clone(), &headers, claimed);
        let tenant = |claimed| {
            let tenant = settle(claimed)?;
            span.record("tenant", tenant.as_str());
            Ok::<_, Problem>(tenant)
        };
        // All but a single event are boxed: that one's future would be as large as the largest of them.
        match call {
            Call::Health => answer::health(),
            Call::PostEvent if intake::is_batch(&headers) => {
                let events = intake::read_batch(&headers, &body.bytes()?, &self.clock.ambient)?;
                // The verdicts want to be told, too.
                let deadline = deadline.checked_sub(ANSWER_RESERVE / 10).unwrap_or(deadline);
                Box::pin(self.post_batch(events, settle, deadline, visit, request_id)).await
            }
            Call::PostEvent => {
                let intake = intake::read(&headers, &body.bytes()?, &self.clock.ambient)?;
                let tenant = tenant(intake.claimed)?;
                intake::check_size(&tenant, &intake.event)?;
                self.post_event(tenant, intake.event, intake.named, visit).await
            }
            Call::ListEvents(listing) => Box::pin(self.list_events(&tenant(query.tenant()?)?, &listing, visit)).await,
            Call::GetEvent(id, wait) => {
                Box::pin(self.get_event(&tenant(query.tenant()?)?, id, wait, deadline, visit)).await
            }
            Call::Totals(page) => Box::pin(self.totals(&tenant(query.tenant()?)?, &page, visit)).await,
            Call::Route => Box::pin(self.show_route(&tenant(query.tenant()?)?, visit)).await,
        }
    }
}

/// The span of a request: what each of its log lines says of it.
fn span(request_id: &str, path: &str) -> Span {
    /// A path that is longer fits no call.
    const LONGEST: usize = 200;
    let path = &path[..path.floor_char_boundary(LONGEST)];
    // The level of errors, so that whoever shows no more than those shows whose they are.
    tracing::error_span!("request", requestId = request_id, path, tenant = Empty)
}

/// Makes the body what a terminal shows well, a line; or nothing, where only the headers were asked for.
fn finish(method: &Method, response: &mut Response<Body>) {
    if *method == Method::HEAD {
        *response.body_mut() = Body::Empty;
    } else if let Body::Text(text) = response.body_mut() {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests;

//! A batch of events: each is written like a single event, under the same guards, and has a verdict of its own.

use cellstack_core::limits::{BATCH_WRITES, FENCED_WAIT};
use cellstack_core::{Clock, Entropy, TenantId};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use lambda_http::http::header::{CONTENT_TYPE, RETRY_AFTER};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::problem::{Kind, Problem};
use crate::ingest::{self, Ingested};

/// The outcome of one event of a batch.
#[derive(Serialize)]
struct Verdict {
    /// The status that the event would have had alone.
    status: u16,
    /// The event as accepted, now or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
    /// True if the event had been accepted before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Box<RawValue>>,
}

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Writes the events, some of them at once, and returns a verdict for each, in their order. An event that is not
    /// written by `deadline` gets a verdict that says so: it may have been written, and its repeat is the same event.
    pub(crate) async fn post_batch(
        &self,
        events: Vec<Result<Ingested, Problem>>,
        settle: impl Fn(Option<TenantId>) -> Result<TenantId, Problem> + Sync,
        deadline: Instant,
        context: &mut RequestContext,
        request_id: &str,
    ) -> Result<Response<Body>, Problem> {
        let settle = &settle;
        let waits_until = Some(Instant::now() + FENCED_WAIT);
        let posts = events.into_iter().map(|event| async move {
            let mut context = RequestContext { waits_until, ..RequestContext::default() };
            let span = tracing::error_span!("event", tenant = Empty);
            let post = self.post(event, settle, &span, &mut context, request_id).instrument(span.clone());
            let late = || Problem::unavailable("The event could not be written in time.");
            (timeout_at(deadline, post).await.unwrap_or_else(|_| Err(late())), context)
        });
        let done: Vec<_> = stream::iter(posts).buffered(BATCH_WRITES).collect().await;
        let (mut verdicts, mut contexts) = (Vec::with_capacity(done.len()), Vec::with_capacity(done.len()));
        for (response, context) in done {
            let response = response.unwrap_or_else(|problem| {
                self.note(&problem);
                problem.into_response(request_id)
            });
            verdicts.push(verdict(&response)?);
            contexts.push(context);
        }
        if let Some(common) = common(contexts) {
            *context = common;
        }
        respond(&verdicts)
    }

    async fn post(
        &self,
        event: Result<Ingested, Problem>,
        settle: &impl Fn(Option<TenantId>) -> Result<TenantId, Problem>,
        span: &Span,
        context: &mut RequestContext,
        request_id: &str,
    ) -> Result<Response<Body>, Problem> {
        let Ingested { event, claimed, named } = event?;
        let tenant = settle(claimed)?;
        span.record("tenant", tenant.as_str());
        ingest::check_size(&tenant, &event)?;
        // Boxed: so many futures at once would nest the type of a request's future deeper than the compiler follows.
        self.post_event(tenant, event, named, context, request_id).boxed().await
    }
}

fn verdict(response: &Response<Body>) -> Result<Verdict, Problem> {
    let text = std::str::from_utf8(response.body().as_ref()).unwrap_or_default();
    let body = Some(RawValue::from_string(text.to_owned()).map_err(|error| internal(&error))?);
    let replayed = response.headers().contains_key("idempotency-replayed");
    let (event, problem) = if response.status().is_success() { (body, None) } else { (None, body) };
    Ok(Verdict { status: response.status().as_u16(), event, replayed, problem })
}

/// Returns the first context of the events that have a route, if all of them share one tenant and cell. It is for the
/// response's headers and the log.
fn common(contexts: Vec<RequestContext>) -> Option<RequestContext> {
    let mut contexts = contexts.into_iter().filter(|context| context.route.is_some());
    let first = contexts.next()?;
    let place = |context: &RequestContext| (context.tenant.clone(), context.cell().cloned(), context.epoch());
    let alike = contexts.all(|context| place(&context) == place(&first));
    alike.then_some(first)
}

fn respond(verdicts: &[Verdict]) -> Result<Response<Body>, Problem> {
    #[derive(Serialize)]
    struct Document<'a> {
        results: &'a [Verdict],
    }
    let accepted = verdicts.iter().filter(|verdict| verdict.problem.is_none()).count();
    tracing::info!(events = verdicts.len(), accepted, "batch");
    let text = serde_json::to_string(&Document { results: verdicts }).map_err(|error| internal(&error))?;
    let mut response = Response::new(Body::from(text));
    if accepted < verdicts.len() {
        *response.status_mut() = StatusCode::MULTI_STATUS;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let passes = |verdict: &Verdict| matches!(verdict.status, 429 | 503);
    if verdicts.iter().any(passes) {
        headers.insert(RETRY_AFTER, HeaderValue::from(cellstack_core::limits::RETRY_AFTER.as_secs()));
    }
    Ok(response)
}

fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "batch");
    Problem::new(Kind::Internal, "The verdicts can't be shown. Report this response's request id to its operators.")
}

//! The Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>), one session per process.
//!
//! The time of an invoke runs from the moment its event is handed to `/next` to the moment its response has arrived
//! whole.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Request};
use tokio::sync::Notify;

use super::server::{HttpResponse, Service, respond};

/// A request to a function URL: 16 headers, an IAM-authenticated caller, and an event that makes an item below 1 KiB.
const EVENT: &str = include_str!("../event.json");
const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench";
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);

/// A mock of the Runtime API, with the session of the current process.
#[derive(Default)]
pub(crate) struct RuntimeApi {
    session: Mutex<Arc<Session>>,
}

impl RuntimeApi {
    /// Forgets the process before, and expects the next.
    pub(crate) fn expect(&self, marker: &'static str) -> Arc<Session> {
        let session = Arc::new(Session { marker, ..Session::default() });
        *lock(&self.session) = Arc::clone(&session);
        session
    }
}

/// The session of one process.
#[derive(Default)]
pub(crate) struct Session {
    state: Mutex<ApiState>,
    /// Notified when an event can be handed out.
    work: Notify,
    /// Notified when something was noted.
    news: Notify,
    /// The text that each response must hold.
    marker: &'static str,
}

#[derive(Default)]
struct ApiState {
    first_next: Option<Instant>,
    to_hand: usize,
    number: usize,
    handed: Option<Instant>,
    took: Vec<Duration>,
    wrong: Option<String>,
}

impl Session {
    /// Waits for the first `/next`.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<Instant> {
        self.wait(patience, |state| state.first_next).await.context("waiting for the first /next")
    }

    /// Hands out `count` events, one after the other, and returns the time of each.
    pub(crate) async fn invoke(&self, count: usize, patience: Duration) -> Result<Vec<Duration>> {
        {
            let mut state = lock(&self.state);
            state.took = Vec::with_capacity(count);
            state.to_hand = count;
        }
        self.work.notify_one();
        let done = |state: &mut ApiState| (state.took.len() == count).then(|| std::mem::take(&mut state.took));
        self.wait(patience, done).await.with_context(|| format!("waiting for {count} responses"))
    }

    async fn wait<T>(&self, patience: Duration, mut look: impl FnMut(&mut ApiState) -> Option<T>) -> Result<T> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            {
                let mut state = lock(&self.state);
                if let Some(wrong) = state.wrong.take() {
                    bail!(wrong);
                }
                if let Some(found) = look(&mut state) {
                    return Ok(found);
                }
            }
            tokio::time::timeout_at(until, self.news.notified()).await.context("it takes too long")?;
        }
    }

    async fn next(&self) -> HttpResponse {
        let arrived = Instant::now();
        loop {
            {
                let mut state = lock(&self.state);
                if state.first_next.is_none() {
                    state.first_next = Some(arrived);
                    self.news.notify_one();
                }
                if let Some(left) = state.to_hand.checked_sub(1) {
                    state.to_hand = left;
                    state.number += 1;
                    let event = event(state.number);
                    state.handed = Some(Instant::now());
                    return event;
                }
            }
            self.work.notified().await;
        }
    }

    async fn response(&self, body: Incoming) -> HttpResponse {
        let body = body.collect().await.map(|body| body.to_bytes());
        let arrived = Instant::now();
        let mut state = lock(&self.state);
        match (body, state.handed.take()) {
            (Ok(body), Some(handed)) if find(&body, self.marker.as_bytes()) => {
                state.took.push(arrived.duration_since(handed));
            }
            (body, _) => {
                let body = body.unwrap_or_default();
                state.wrong = Some(format!("unexpected response: {}", String::from_utf8_lossy(&body)));
            }
        }
        if state.to_hand == 0 || state.wrong.is_some() {
            self.news.notify_one();
        }
        respond(202, "application/json", r#"{"status":"OK"}"#)
    }

    async fn error(&self, body: Incoming) -> HttpResponse {
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        lock(&self.state).wrong = Some(format!("the function failed: {}", String::from_utf8_lossy(&body)));
        self.news.notify_one();
        respond(202, "application/json", r#"{"status":"OK"}"#)
    }
}

impl Service for RuntimeApi {
    fn call(&self, request: Request<Incoming>) -> Pin<Box<dyn Future<Output = HttpResponse> + Send + '_>> {
        let session = Arc::clone(&lock(&self.session));
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let path = head.uri.path();
            if path.ends_with("/invocation/next") {
                session.next().await
            } else if path.ends_with("/response") {
                session.response(body).await
            } else {
                session.error(body).await
            }
        })
    }
}

fn event(number: usize) -> HttpResponse {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    let mut event = respond(200, "application/json", Bytes::from(EVENT.replacen("REQUEST-ID", &id, 1)));
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + FUNCTION_TIMEOUT;
    let headers = event.headers_mut();
    set(headers, "lambda-runtime-aws-request-id", &id);
    set(headers, "lambda-runtime-deadline-ms", &deadline.as_millis().to_string());
    set(headers, "lambda-runtime-invoked-function-arn", FUNCTION_ARN);
    set(
        headers,
        "lambda-runtime-trace-id",
        "Root=1-6955b900-000000000000000000000000;Parent=0000000000000000;Sampled=0",
    );
    event
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn find(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

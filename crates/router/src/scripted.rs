//! A DynamoDB that responds by a script, for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use cellstack_core::{Clock, Entropy, SystemClock};
use lambda_http::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The response to a call.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Ok(Value),
    /// Status 400 with this code and these members.
    Refused(&'static str, Value),
    /// `500 InternalServerError`.
    Failed,
    Hang,
}

impl Reply {
    /// Returns a cancelled transaction: the code of each action, and the item that was found if a condition did not
    /// hold.
    pub(crate) fn cancelled<const N: usize>(reasons: [(&str, Option<Value>); N]) -> Self {
        let reasons = Vec::from(reasons.map(|(code, item)| match item {
            Some(item) => json!({ "Code": code, "Message": "no", "Item": item }),
            None => json!({ "Code": code, "Message": "no" }),
        }));
        Self::Refused("TransactionCanceledException", json!({ "CancellationReasons": reasons, "Message": "cancelled" }))
    }
}

/// A call as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// A script that responds to each call with the next reply, after a while. It repeats the last one.
#[derive(Debug, Clone)]
pub(crate) struct Script(Arc<Mutex<ScriptState>>);

#[derive(Debug)]
struct ScriptState {
    replies: VecDeque<Reply>,
    takes: Duration,
    sent: Vec<Sent>,
}

impl Script {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (replies, takes) = (replies.into_iter().collect(), Duration::from_millis(5));
        Self(Arc::new(Mutex::new(ScriptState { replies, takes, sent: Vec::new() })))
    }

    /// Sets the reply to all calls from now on.
    pub(crate) fn set(&self, reply: Reply) {
        self.set_all([reply]);
    }

    /// Sets the replies from now on. The last one is repeated.
    pub(crate) fn set_all(&self, replies: impl IntoIterator<Item = Reply>) {
        self.0.lock().unwrap().replies = replies.into_iter().collect();
    }

    pub(crate) fn takes(&self, time: Duration) {
        self.0.lock().unwrap().takes = time;
    }

    /// Returns the calls since the last `take`.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }

    pub(crate) fn config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
            .http_client(self.clone())
            .build()
    }

    fn next(&self, request: &HttpRequest) -> (Duration, Reply) {
        let mut state = self.0.lock().unwrap();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        state.sent.push(Sent { operation, body });
        let reply = if state.replies.len() > 1 { state.replies.pop_front() } else { state.replies.front().cloned() };
        (state.takes, reply.expect("a script has a reply"))
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (takes, reply) = self.next(&request);
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(takes).await;
            let (status, body) = match reply {
                Reply::Ok(body) => (StatusCode::OK, body),
                Reply::Refused(code, mut body) => {
                    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
                    (StatusCode::BAD_REQUEST, body)
                }
                Reply::Failed => (StatusCode::INTERNAL_SERVER_ERROR, json!({ "__type": "InternalServerError" })),
                Reply::Hang => std::future::pending().await,
            };
            let mut response = HttpResponse::new(status.into(), SdkBody::from(body.to_string()));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        })
    }
}

/// Tokio's clock, which a test can pause.
#[derive(Debug, Clone)]
pub(crate) struct PausedClock(Instant);

impl PausedClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for PausedClock {
    fn wall_ms(&self) -> u64 {
        1_700_000_000_000 + u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Entropy for PausedClock {
    fn random(&self) -> [u8; 10] {
        SystemClock::new().random()
    }
}

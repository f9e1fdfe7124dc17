//! The stack: one entry point for all services.

mod builder;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use bytes::Bytes;
use dynoxide::DynoxideError;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::cloudwatch::Measured;
use crate::context::Context;
use crate::disorder;
use crate::dynamodb::{DynamoDb, MAX_FILE_IN_MEMORY, Refusal, split_batch};
use crate::faults::{Entries, FaultKind, Faults};
use crate::function::{Function, panic_text};
use crate::mapping::{self, MappingError, MappingHandle, QueueMapping, StreamMapping};
use crate::network::Network;
use crate::observe::Observation;
use crate::request::{Call, Service};
use crate::response;
use crate::server::Mount;
use crate::sns::Sns;
use crate::sqs::{Peeked, Sqs};
use crate::sync::lock;

pub use self::builder::Builder;

/// A stack: DynamoDB, SNS, SQS and event source mappings in this process. Clones share it.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    context: Arc<Context>,
    dynamodb: DynamoDb,
    sqs: Arc<Sqs>,
    sns: Arc<Sns>,
    calls: Mutex<HashMap<&'static str, HashMap<String, u64>>>,
    network: Option<Arc<dyn Network>>,
    is_full: AtomicBool,
}

impl Aws {
    /// Starts building a stack.
    pub fn builder() -> Builder {
        Builder {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            seed: 0,
            keep_records: 10_000,
            max_bytes: MAX_FILE_IN_MEMORY,
            wall: None,
            directory: None,
            network: None,
            disorder: disorder::Settings::default(),
        }
    }

    /// Returns the configuration for SDK clients that talk to this stack without a socket: in-process HTTP client, test
    /// credentials, Tokio's sleep, and a time source that follows Tokio's time.
    pub fn sdk_config(&self) -> SdkConfig {
        crate::client::sdk_config(self)
    }

    pub(crate) fn network(&self) -> Option<&Arc<dyn Network>> {
        self.0.network.as_ref()
    }

    pub(crate) fn dynamodb(&self) -> &DynamoDb {
        &self.0.dynamodb
    }

    pub(crate) fn sqs(&self) -> &Sqs {
        &self.0.sqs
    }

    pub(crate) fn is_full(&self) -> &AtomicBool {
        &self.0.is_full
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.0.context
    }

    /// Handles one request: `X-Amz-Target` with JSON for DynamoDB, DynamoDB Streams, SQS and CloudWatch, form parameters with XML
    /// for SNS. Signatures are not checked.
    pub fn handle(&self, request: http::Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>> {
        // Boxed, so that the services are compiled here and not again in each program that calls them.
        self.response(request).boxed()
    }

    async fn response(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let call = match Call::read(request) {
            Ok(call) => call,
            Err(response) => return *response,
        };
        self.count(&call);
        if let Some(refusal) = self.refusal_of_growth(&call) {
            return response::injected(&self.0.context, &call, &refusal);
        }
        let faults = &self.0.context.faults;
        let entries = || call.entries();
        let (latency, fault) = faults.decide(call.service.name(), &call.operation, entries, |r| call.mentions(r));
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match fault {
            None => self.guarded(&call, &[]).await,
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::Reset) => response::reset(),
            Some(FaultKind::HangAfterCommit) => {
                self.guarded(&call, &[]).await;
                std::future::pending().await
            }
            Some(FaultKind::ResetAfterCommit) => {
                self.guarded(&call, &[]).await;
                response::reset()
            }
            Some(FaultKind::EntriesFail(Entries::At(failing))) => self.guarded(&call, &failing).await,
            Some(error) => response::injected(&self.0.context, &call, &error),
        }
    }

    /// Serves the stack over HTTP/1.1 on `listener` until `shutdown` resolves, then closes open connections.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        crate::server::serve(self.clone(), listener, None, shutdown).await
    }

    /// Serves the stack as [`serve`](Self::serve) does, with a handler of the caller's own below a path of the
    /// endpoint.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve_with(
        &self,
        listener: TcpListener,
        mount: Mount,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        crate::server::serve(self.clone(), listener, Some(Arc::new(mount)), shutdown).await
    }

    /// Sets the base of the queue URLs returned to calls in process: the endpoint that [`serve`](Self::serve) listens
    /// on, for example `http://127.0.0.1:4566`. A call over HTTP gets queue URLs with the host that it was sent to.
    pub fn set_endpoint(&self, url: &str) {
        self.0.context.set_endpoint(url);
    }

    /// Returns the faults of this stack.
    pub fn faults(&self) -> &Faults {
        &self.0.context.faults
    }

    /// Returns the number of calls of an operation through the API (`"DynamoDB"`, `"DynamoDBStreams"`, `"SQS"`,
    /// `"SNS"`, `"CloudWatch"`), those that a fault hit included. Calls that mappings and topics make inside are not counted.
    pub fn calls(&self, service: &str, operation: &str) -> u64 {
        let calls = lock(&self.0.calls);
        calls.get(service).and_then(|all| all.get(operation)).copied().unwrap_or(0)
    }

    /// Returns the number of all calls through the API.
    pub fn total_calls(&self) -> u64 {
        lock(&self.0.calls).values().flat_map(HashMap::values).sum()
    }

    /// Starts a mapping from a table's stream to a function. Needs a Tokio runtime.
    ///
    /// # Errors
    /// If the table has no stream, or a setting or filter is not one AWS accepts.
    pub fn map_stream(
        &self,
        mapping: StreamMapping,
        function: Arc<dyn Function>,
    ) -> Result<MappingHandle, MappingError> {
        let inner = &self.0;
        mapping::start_stream(inner.context.clone(), &inner.dynamodb, inner.sqs.clone(), mapping, function)
    }

    /// Starts a mapping from a queue to a function. Needs a Tokio runtime.
    ///
    /// # Errors
    /// If there is no such queue, or a setting is not one AWS accepts.
    pub fn map_queue(&self, mapping: QueueMapping, function: Arc<dyn Function>) -> Result<MappingHandle, MappingError> {
        mapping::start_queue(self.0.context.clone(), self.0.sqs.clone(), mapping, function)
    }

    /// Subscribes to what happens from now on.
    pub fn observe(&self) -> broadcast::Receiver<Observation> {
        self.0.context.observers.subscribe()
    }

    /// Returns all messages of a queue, oldest first, without receiving them; empty if there is no such queue.
    pub fn peek_queue(&self, name: &str) -> Vec<Peeked> {
        self.0.sqs.peek(name).unwrap_or_default()
    }

    /// Resumes the deliveries of topics that were under way when a stack in a directory ended. Needs a Tokio runtime.
    ///
    /// # Errors
    /// If they can't be read; the error is the reason.
    pub fn resume_deliveries(&self) -> Result<(), String> {
        self.0.sns.resume()
    }

    /// Saves the positions of mappings in the streams of a stack in a directory. Call it every second or so, and at the
    /// end: after a crash, mappings read again what they read since the last call.
    ///
    /// # Errors
    /// If they can't be written; the error is the reason.
    pub fn save_positions(&self) -> Result<(), String> {
        self.0.dynamodb.save_positions().map_err(|error| error.to_string())
    }

    /// Deletes the items whose TTL has passed, which AWS does within days. Returns the number of items deleted.
    ///
    /// # Errors
    /// If the engine fails; the error is its message.
    pub fn sweep_ttl(&self) -> Result<usize, String> {
        self.0.dynamodb.sweep_ttl().map_err(|e| e.to_string())
    }

    fn count(&self, call: &Call) {
        let mut calls = lock(&self.0.calls);
        let calls = calls.entry(call.service.name()).or_default();
        match calls.get_mut(&call.operation) {
            Some(count) => *count += 1,
            None => {
                calls.insert(call.operation.clone(), 1);
            }
        }
    }

    /// Runs a call. A panic in it becomes that call's 500 and affects nothing else.
    async fn guarded(&self, call: &Call, failing: &[usize]) -> http::Response<Bytes> {
        match AssertUnwindSafe(self.run(call, failing)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                let text = panic_text(panic.as_ref());
                tracing::error!(operation = call.operation, panic = text, "emulator panicked");
                let error = crate::error::ApiError::internal(text);
                response::error(&self.0.context, call.service, &error)
            }
        }
    }

    async fn run(&self, call: &Call, failing: &[usize]) -> http::Response<Bytes> {
        let Inner { context, dynamodb, sqs, sns, .. } = &*self.0;
        match call.service {
            Service::DynamoDb | Service::Streams => match self.run_dynamodb(call, failing).await {
                Ok(body) => response::json(context, 200, body),
                Err(Refusal { status, body }) => response::json(context, status, body),
            },
            Service::Sqs => {
                let endpoint = call.endpoint.as_ref().map_or_else(|| context.endpoint(), |e| e.0.clone());
                match sqs.call(&call.operation, &call.body, failing, &endpoint).await {
                    Ok(body) => response::json(context, 200, body),
                    Err(error) => response::error(context, call.service, &error),
                }
            }
            Service::CloudWatch => match (Measured { dynamodb, sqs }).call(&call.operation, &call.body) {
                Ok(body) => response::json(context, 200, body),
                Err(error) => response::error(context, call.service, &error),
            },
            Service::Sns => match sns.call(&call.operation, &call.params, failing) {
                Ok(body) => response::xml(200, body),
                Err(error) => response::error(context, call.service, &error),
            },
        }
    }

    async fn run_dynamodb(&self, call: &Call, failing: &[usize]) -> Result<String, Refusal> {
        let (dynamodb, operation) = (&self.0.dynamodb, &call.operation);
        let body = std::str::from_utf8(&call.body)
            .map_err(|_| DynoxideError::SerializationException("the body is not UTF-8".into()))?;
        match split_batch(operation, body, failing).filter(|_| !failing.is_empty()) {
            None => dynamodb.call(operation, body).await,
            Some((request, name, unprocessed)) => dynamodb.call_in_part(operation, &request, name, unprocessed).await,
        }
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("region", &self.0.context.region)
            .field("account", &self.0.context.account)
            .finish_non_exhaustive()
    }
}

//! The stack: one entry point for all services.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use bytes::Bytes;
use dynoxide::DynoxideError;
use futures::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::context::{Context, lock};
use crate::disorder;
use crate::dynamodb::{DynamoDb, Refusal, split_batch};
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
use crate::store::Store;

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

/// The settings of a stack.
#[derive(Debug, Clone)]
pub struct Builder {
    region: String,
    account: String,
    seed: u64,
    keep_records: usize,
    wall: Option<SystemTime>,
    directory: Option<PathBuf>,
    network: Option<Arc<dyn Network>>,
    disorder: disorder::Settings,
}

impl Builder {
    /// Sets the region in ARNs, events and URLs. The default is `us-east-1`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = region.into();
        self
    }

    /// Sets the account id in ARNs and URLs. The default is `000000000000`.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        self.account = account.into();
        self
    }

    /// Sets the seed of message ids and of faults with a probability. The default is 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of stream records to keep per table after all its mappings have passed them. The default is
    /// 10,000. Records that a mapping still has to read are kept for 24 hours in any case, and so are all records of a
    /// stream without mappings.
    #[must_use]
    pub fn keep_stream_records(mut self, records: usize) -> Self {
        self.keep_records = records;
        self
    }

    /// Sets the time that the wall clock shows when the stack is built. The default is the real time.
    #[must_use]
    pub fn wall(mut self, wall: SystemTime) -> Self {
        self.wall = Some(wall);
        self
    }

    /// Keeps the stack in an existing directory: tables, unread stream records, topics, and queues with their messages.
    /// A stack built over the directory has everything that was acknowledged with success, however the process ended.
    /// Work that was under way comes again, and so do the stream records read in the last moments. Deduplication ids,
    /// request tokens, message move tasks and faults are forgotten. The default is a stack in memory.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Sets the network that the SDK's calls travel over. By default a call takes no time.
    #[must_use]
    pub fn network(mut self, network: Arc<dyn Network>) -> Self {
        self.network = Some(network);
        self
    }

    /// Sets the time that a `TransactWriteItems` is in flight, drawn from the seed. By default it takes no time.
    /// Meanwhile its items are locked, those of its condition checks included: any other write of them is refused with
    /// a conflict. The transaction is decided at its commit. A caller that goes away in flight leaves no lock, and the
    /// transaction may commit or not.
    #[must_use]
    pub fn transaction_time(mut self, time: RangeInclusive<Duration>) -> Self {
        self.disorder.transaction_time = time;
        self
    }

    /// Sets whether a queue hands out any of its visible messages, drawn from the seed, instead of the oldest. The
    /// default is the oldest. A FIFO queue keeps the order within each group, and draws the group.
    #[must_use]
    pub fn shuffle_queues(mut self, shuffle: bool) -> Self {
        self.disorder.shuffle_queues = shuffle;
        self
    }

    /// Sets the number of shards per stream, at least one. The default is one. Order is kept within a partition key
    /// only.
    #[must_use]
    pub fn stream_shards(mut self, shards: usize) -> Self {
        self.disorder.stream_shards = shards.max(1);
        self
    }

    /// Builds the stack, empty unless a directory holds one. The clock starts now: under paused time, build it inside
    /// the runtime.
    ///
    /// # Panics
    /// If SQLite cannot open a database in memory, or the directory cannot be read; [`Self::open`] returns the error
    /// instead.
    #[allow(clippy::expect_used)]
    pub fn build(self) -> Aws {
        self.open().expect("a database in memory needs nothing but memory")
    }

    /// Builds the stack with the content of its directory. The clock starts now: under paused time, build it inside the
    /// runtime.
    ///
    /// # Errors
    /// If a file of the directory can't be opened, or was written by another program. The error names the file and the
    /// reason.
    pub fn open(self) -> Result<Aws, String> {
        let file = |name: &str| self.directory.as_ref().map(|directory| directory.join(name));
        let (tables, queues) = (file("tables.sqlite"), file("queues.sqlite"));
        let clock = self.wall.map_or_else(Clock::start, Clock::start_at);
        let context = Arc::new(Context::new(self.region, self.account, self.seed, clock, self.disorder));
        let unread = |file: &Option<PathBuf>, error: String| match file {
            Some(file) => format!("{}: {error}", file.display()),
            None => error,
        };
        let dynamodb = DynamoDb::open(context.clone(), self.keep_records, tables.as_deref())
            .map_err(|error| unread(&tables, error.to_string()))?;
        let store = queues.as_deref().map(Store::open).transpose();
        let store = store.map_err(|error| unread(&queues, error.to_string()))?.map(Arc::new);
        let sqs = Arc::new(Sqs::open(context.clone(), store.clone()).map_err(|error| unread(&queues, error))?);
        let sns = Sns::open(context.clone(), sqs.clone(), store).map_err(|error| unread(&queues, error))?;
        let (sns, calls) = (Arc::new(sns), Mutex::default());
        Ok(Aws(Arc::new(Inner {
            context,
            dynamodb,
            sqs,
            sns,
            calls,
            network: self.network,
            is_full: AtomicBool::new(false),
        })))
    }
}

impl Aws {
    /// Starts building a stack.
    pub fn builder() -> Builder {
        Builder {
            region: "us-east-1".into(),
            account: "000000000000".into(),
            seed: 0,
            keep_records: 10_000,
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

    /// Answers one request: `X-Amz-Target` with JSON for DynamoDB, DynamoDB Streams and SQS, form parameters with XML
    /// for SNS. Signatures are not checked.
    pub async fn handle(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
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
    /// `"SNS"`), those that a fault hit included. Calls that mappings and topics make inside are not counted.
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
        let Inner { context, sqs, sns, .. } = &*self.0;
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

//! A consumer on a bench: its own table and queue, and messages that come to it as one batch.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering as Atomic};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use cellstack_consumer::{Clients, Consumer, Effects, ProcessError, Processor, Settings};
use cellstack_core::cell_table::key;
use cellstack_core::dead_letter::{DeadLetter, Place};
use cellstack_core::event::EventKey;
use cellstack_core::limits::pipeline::{self, CONSUMER_TIMEOUT};
use cellstack_core::{Epoch, EventId, EventRecord, Message, NewEvent, SystemClock, TenantId};
use cellstack_embedded::Ordering;
use cellstack_emulator::{Function, FunctionError, MappingHandle, QueueMapping};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use crate::world::StackWorld;

pub(crate) const TABLE: &str = "bench";

tokio::task_local! {
    static PROCESS: Arc<AtomicU8>;
}

const RUNS: u8 = 0;
const ABORTED: u8 = 1;
const BLOCKED: u8 = 2;

/// A processor that does what the event's type says, and keeps a journal of what it processed.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<EventId>>>);

impl Told {
    pub(crate) fn journal(&self) -> Vec<EventId> {
        self.0.lock().unwrap().clone()
    }
}

impl Processor for Told {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        match event.event_type.as_str() {
            "slow" => tokio::time::sleep(Duration::from_secs(3)).await,
            "hangs" => std::future::pending().await,
            "aborts" => end_process(ABORTED).await,
            "blocks" => end_process(BLOCKED).await,
            "never" => return Err(ProcessError::Retryable("as told".to_owned())),
            "refused" => return Err(ProcessError::Permanent("as told".to_owned())),
            _ => {}
        }
        self.0.lock().unwrap().push(event.id);
        Ok(Effects::none().add("seen", "count", 1))
    }
}

async fn end_process(how: u8) {
    PROCESS.with(|process| process.store(how, Atomic::Relaxed));
    std::future::pending().await
}

/// A process around the consumer: an event may end it, or block its thread until the function's time-out.
struct Process(Consumer<Told, SystemClock>);

impl Function for Process {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        let process = Arc::new(AtomicU8::new(RUNS));
        let state = Arc::clone(&process);
        let run = async move {
            let event = serde_json::from_slice(&payload).unwrap();
            let mut handler = pin!(self.0.handle(event, CONSUMER_TIMEOUT));
            poll_fn(|context| {
                let polled = match state.load(Atomic::Relaxed) {
                    RUNS => handler.as_mut().poll(context),
                    _ => Poll::Pending,
                };
                match state.load(Atomic::Relaxed) {
                    ABORTED => Poll::Ready(Err(FunctionError::Crashed("out of memory".to_owned()))),
                    BLOCKED => Poll::Pending,
                    _ => polled.map(|response| Ok(serde_json::to_vec(&response).unwrap().into())),
                }
            })
            .await
        };
        PROCESS.scope(process, run).boxed()
    }
}

/// A bench for the consumer: its own table and queue, and its processor's journal.
pub(crate) struct Bench {
    pub(crate) world: StackWorld,
    pub(crate) told: Told,
    ordering: Ordering,
    mapping: Option<MappingHandle>,
}

impl Bench {
    pub(crate) async fn new(ordering: Ordering) -> Self {
        let bench = Self { world: StackWorld::new().await, told: Told::default(), ordering, mapping: None };
        bench.world.create_table(TABLE).await;
        let target = json!({
            "deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:000000000000:{}", bench.queue("dlq")),
            "maxReceiveCount": pipeline::MAX_RECEIVES,
        });
        for queue in ["dlq", "events"] {
            let mut create = bench.world.stack.sqs().create_queue().queue_name(bench.queue(queue));
            if ordering == Ordering::Tenant {
                create = create.attributes(QueueAttributeName::FifoQueue, "true");
            }
            if queue == "events" {
                let visibility = pipeline::VISIBILITY_TIMEOUT.as_secs().to_string();
                create = create
                    .attributes(QueueAttributeName::VisibilityTimeout, visibility)
                    .attributes(QueueAttributeName::RedrivePolicy, target.to_string());
            }
            create.send().await.unwrap();
        }
        bench
    }

    fn queue(&self, name: &str) -> String {
        match self.ordering {
            Ordering::None => format!("bench-{name}"),
            Ordering::Tenant => format!("bench-{name}.fifo"),
        }
    }

    /// Accepts events of these types, one after the other, and puts their messages into the queue.
    pub(crate) async fn accept(&self, tenant: &str, types: &[&str]) -> Vec<EventId> {
        let mut ids = Vec::new();
        for (at, event_type) in types.iter().enumerate() {
            let id = EventId::named(tenant, &format!("{at}"));
            let message = self.put(tenant, id, event_type).await;
            self.send(&message).await;
            ids.push(id);
        }
        ids
    }

    async fn put(&self, tenant: &str, id: EventId, event_type: &str) -> Message {
        let event = NewEvent { id, event_type: event_type.parse().unwrap(), data: None, context: None };
        let record = EventRecord::accepted(tenant.parse().unwrap(), event, Epoch::FIRST, 0);
        let item = serde_dynamo::to_item(record.clone()).unwrap();
        self.world.stack.dynamodb().put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
        Message::of(record, &"alpha".parse().unwrap()).unwrap()
    }

    async fn send(&self, message: &Message) {
        let url = self.world.stack.queue_url(&self.queue("events")).await.unwrap();
        let mut send = self.world.stack.sqs().send_message().queue_url(url).message_body(message.encode().unwrap());
        if self.ordering == Ordering::Tenant {
            send = send.message_group_id(message.tenant.as_str()).message_deduplication_id(message.id.to_string());
        }
        send.send().await.unwrap();
    }

    pub(crate) async fn consumer(&self) -> Consumer<Told, SystemClock> {
        let settings = Settings {
            cell: "alpha".parse().unwrap(),
            table: TABLE.to_owned(),
            queue_url: self.world.stack.queue_url(&self.queue("events")).await.unwrap(),
            dlq_url: self.world.stack.queue_url(&self.queue("dlq")).await.unwrap(),
            max_tries: pipeline::MAX_TRIES,
            event_timeout: pipeline::EVENT_TIMEOUT,
        };
        let clients = Clients { dynamodb: self.world.stack.dynamodb(), sqs: self.world.stack.sqs() };
        Consumer::new(clients, settings, self.told.clone(), SystemClock::new())
    }

    /// Maps the queue to the consumer for some time.
    pub(crate) async fn run(&mut self, time: Duration) {
        let mut mapping = QueueMapping::new(&self.queue("events"), "bench-consumer");
        mapping.batch_size = pipeline::QUEUE_BATCH;
        mapping.max_concurrency = Some(pipeline::QUEUE_CONCURRENCY);
        mapping.report_batch_item_failures = true;
        mapping.function_timeout = CONSUMER_TIMEOUT;
        let function = Arc::new(Process(self.consumer().await));
        self.mapping = Some(self.world.stack.aws().map_queue(mapping, function).unwrap());
        self.wait(time).await;
    }

    /// Ends the mapping, and the invocations it has under way.
    pub(crate) fn stop(&mut self) {
        self.mapping = None;
    }

    pub(crate) async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Hands a batch to the consumer, in a process that one of its events ends.
    pub(crate) async fn end_in(&self, batch: SqsEvent) {
        let payload = serde_json::to_vec(&batch).unwrap().into();
        Process(self.consumer().await).invoke(payload).await.unwrap_err();
    }

    /// Receives a batch as Lambda hands it to the function.
    pub(crate) async fn receive(&self) -> SqsEvent {
        let name = self.queue("events");
        let url = self.world.stack.queue_url(&name).await.unwrap();
        let receive = self.world.stack.sqs().receive_message().queue_url(url).max_number_of_messages(10);
        let received = receive.message_system_attribute_names("All".into()).send().await.unwrap();
        let records = received.messages().iter().map(|message| {
            let attributes = message.attributes().into_iter().flatten();
            let attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value)));
            json!({
                "messageId": message.message_id(), "receiptHandle": message.receipt_handle(), "body": message.body(),
                "attributes": serde_json::Map::from_iter(attributes), "messageAttributes": {},
                "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
            })
        });
        serde_json::from_value(json!({ "Records": records.collect::<Vec<_>>() })).unwrap()
    }

    pub(crate) async fn set_status(&self, tenant: &str, id: EventId, status: &str) {
        let key = EventKey(id).to_string();
        let status = AttributeValue::S(status.to_owned());
        self.world.set(TABLE, &[("tenant_id", tenant), ("sk", &key)], "status", status).await;
    }

    pub(crate) async fn status(&self, tenant: &str, id: EventId) -> String {
        let tenant: TenantId = tenant.parse().unwrap();
        let get = self.world.stack.dynamodb().get_item().table_name(TABLE);
        let item = get.set_key(Some(key(&tenant, EventKey(id).to_string()))).send().await.unwrap().item.unwrap();
        item["status"].as_s().unwrap().clone()
    }

    /// Returns those of the events that are not processed.
    pub(crate) async fn unprocessed(&self, tenant: &str, ids: &[EventId]) -> Vec<EventId> {
        let mut left = Vec::new();
        for id in ids {
            if self.status(tenant, *id).await != "processed" {
                left.push(*id);
            }
        }
        left
    }

    /// Returns the number of times that an effect was applied.
    pub(crate) async fn seen(&self, tenant: &str) -> usize {
        let tenant: TenantId = tenant.parse().unwrap();
        let get = self.world.stack.dynamodb().get_item().table_name(TABLE);
        let item = get.set_key(Some(key(&tenant, "seen"))).send().await.unwrap().item.unwrap_or_default();
        item.get("count").and_then(|count: &AttributeValue| count.as_n().ok()?.parse().ok()).unwrap_or_default()
    }

    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        let cell = "alpha".parse().unwrap();
        let lying = self.world.stack.aws().peek_queue(&self.queue("dlq"));
        lying.iter().map(|lying| DeadLetter::read(&lying.body, Place::Queue, &cell, lying.receive_count, "")).collect()
    }

    /// Returns the number of messages that are still in the queue.
    pub(crate) fn queued(&self) -> usize {
        self.world.stack.aws().peek_queue(&self.queue("events")).len()
    }
}

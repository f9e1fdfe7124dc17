//! A stack whose processor is broken until it is mended, and `cellctl` over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use cellstack_cellctl::Deployment;
use cellstack_consumer::{Effects, ProcessError, Processor};
use cellstack_core::dead_letter::{DeadLetter, Draft, Place, Reason};
use cellstack_core::{CellId, Message};
use cellstack_embedded::names::{CellNames, registry, tenant_map};
use cellstack_embedded::{Pipeline, Stack, VirtualClock};
use cellstack_emulator::{Fault, FaultKind};
use hyper::Request;
use serde_json::Value;

use crate::ran::Ran;

/// Cells alpha and beta; acme is in alpha, globex in beta.
pub(crate) struct DlqWorld {
    pub(crate) stack: Stack,
    mended: Arc<AtomicBool>,
    clock: Arc<VirtualClock>,
}

/// A processor that adds up amounts and refuses events of type `poison` until it is mended.
struct FlakyProcessor(Arc<AtomicBool>);

impl Processor for FlakyProcessor {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        if event.event_type.as_str() == "poison" && !self.0.load(Ordering::Relaxed) {
            return Err(ProcessError::Permanent("not my kind of event".to_owned()));
        }
        let data: Value = serde_json::from_str(event.data.as_deref().unwrap_or("{}")).unwrap();
        let amount = data["amount"].as_u64().unwrap_or_default();
        Ok(Effects::none().add("sum", "count", 1).add("sum", "amount", amount))
    }
}

pub(crate) fn cell(id: &str) -> CellId {
    id.parse().unwrap()
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

impl DlqWorld {
    pub(crate) async fn new() -> Self {
        Self::with(Pipeline::IMPATIENT).await
    }

    pub(crate) async fn with(pipeline: Pipeline) -> Self {
        let mended = Arc::new(AtomicBool::new(false));
        let mut builder = Stack::builder().pipeline(pipeline);
        for (tenant, id) in [("acme", "alpha"), ("globex", "beta")] {
            builder = builder.cell(cell(id)).tenant(tenant.parse().unwrap(), cell(id));
        }
        let stack = builder.build_with(|| FlakyProcessor(Arc::clone(&mended))).await.unwrap();
        Self { stack, mended, clock: Arc::new(VirtualClock::new(7)) }
    }

    pub(crate) fn mend(&self) {
        self.mended.store(true, Ordering::Relaxed);
    }

    pub(crate) fn deployment(&self) -> Deployment {
        Deployment::new("cellstack", self.stack.dynamodb(), self.stack.sqs(), self.clock.clone())
    }

    /// Runs `cellctl` with a command line as a shell would split it (no quotes).
    pub(crate) async fn cellctl(&self, line: &str) -> Ran {
        Ran::of(line, &self.deployment()).await
    }

    pub(crate) async fn redrive(&self, more: &str) -> Ran {
        self.cellctl(&format!("dlq redrive --reason mended --operator test {more}")).await
    }

    /// Posts an event and returns its id.
    pub(crate) async fn post(&self, tenant: &str, event_type: &str, amount: u64) -> String {
        let body = format!(r#"{{"type":"{event_type}","data":{{"amount":{amount}}}}}"#);
        let request =
            Request::post("/v1/events").header("content-type", "application/json").header("x-tenant-id", tenant);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let response = self.stack.url().request(request.body(Bytes::from(body)).unwrap(), peer).await;
        assert_eq!(response.status(), 202, "{response:?}");
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        json["id"].as_str().unwrap().to_owned()
    }

    /// Posts an event whose letter arrives in the dead-letter queue of its cell's queue.
    pub(crate) async fn poison(&self, tenant: &str, amount: u64) -> String {
        let home = if tenant == "acme" { "alpha" } else { "beta" };
        let before = self.dead(home).len();
        let id = self.post(tenant, "poison", amount).await;
        self.dead_letters(home, before + 1).await;
        id
    }

    /// Posts an event of acme's whose message arrives in the dead-letter queue of its cell's topic.
    pub(crate) async fn undelivered(&self, amount: u64) -> String {
        let refused = FaultKind::Error { status: 403, code: "AccessDenied".into(), message: "by test".into() };
        let fault = Fault::new("SQS", "SendMessage", refused).on("cellstack-cell-alpha-events");
        let fault = self.stack.aws().faults().inject(fault);
        let dlq = "cellstack-cell-alpha-topic-dlq";
        let before = self.bodies(dlq).len();
        let id = self.post("acme", "fine", amount).await;
        self.until("an undelivered message", async || self.bodies(dlq).len() > before).await;
        self.stack.aws().faults().remove(fault);
        id
    }

    /// Waits until the dead-letter queue of a cell's queue has this many letters.
    pub(crate) async fn dead_letters(&self, id: &str, count: usize) {
        self.until(&format!("{count} dead letters in {id}"), async || self.dead(id).len() == count).await;
    }

    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..12_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within ten minutes: {what}");
    }

    /// Returns the bodies in the dead-letter queue of a cell's queue.
    pub(crate) fn dead(&self, id: &str) -> Vec<String> {
        self.bodies(&CellNames::of(&cell(id)).dlq)
    }

    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        self.stack.aws().peek_queue(queue).into_iter().map(|message| message.body.to_string()).collect()
    }

    /// Returns whether nothing in a queue is hidden.
    pub(crate) fn all_visible(&self, queue: &str) -> bool {
        self.stack.aws().peek_queue(queue).iter().all(|message| !message.in_flight)
    }

    pub(crate) async fn item(&self, id: &str, tenant: &str, key: &str) -> Option<cellstack_core::cell_table::Item> {
        let response = self.stack.dynamodb().get_item().table_name(CellNames::of(&cell(id)).table);
        let response = response.key("tenant_id", text(tenant)).key("sk", text(key)).consistent_read(true);
        response.send().await.unwrap().item
    }

    /// Returns the status of an event.
    pub(crate) async fn status(&self, id: &str, tenant: &str, event: &str) -> String {
        let item = self.item(id, tenant, &format!("event#{event}")).await;
        item.map_or_else(|| "absent".to_owned(), |item| item["status"].as_s().unwrap().clone())
    }

    pub(crate) async fn processed(&self, id: &str, tenant: &str, event: &str) {
        self.until(event, async || self.status(id, tenant, event).await == "processed").await;
    }

    /// Returns count and sum of all effects of a tenant in a cell.
    pub(crate) async fn sum(&self, id: &str, tenant: &str) -> (u64, u64) {
        let item = self.item(id, tenant, "sum").await.unwrap_or_default();
        let number = |name: &str| item.get(name).map_or(0, |value| value.as_n().unwrap().parse().unwrap());
        (number("count"), number("amount"))
    }

    /// Sets an attribute of an item.
    pub(crate) async fn set(&self, table: &str, key: &[(&str, &str)], attribute: &str, value: AttributeValue) {
        let mut update = self.stack.dynamodb().update_item().table_name(table);
        for (name, part) in key {
            update = update.key(*name, text(part));
        }
        let update = update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute);
        update.expression_attribute_values(":v", value).send().await.unwrap();
    }

    /// Gives a tenant another entry in the map, as the end of a move does.
    pub(crate) async fn route(&self, tenant: &str, id: &str, epoch: u64, state: &str) {
        let key = [("tenant_id", tenant)];
        self.set(&tenant_map(), &key, "cell_id", text(id)).await;
        self.set(&tenant_map(), &key, "epoch", AttributeValue::N(epoch.to_string())).await;
        self.set(&tenant_map(), &key, "state", text(state)).await;
    }

    /// Puts a letter into a dead-letter queue, as a function writes it, and returns it.
    pub(crate) async fn write_letter(&self, queue: &str, reason: Reason, original: &str) -> DeadLetter {
        let message = Message::decode(original).ok();
        let draft = Draft {
            reason,
            detail: "as told",
            place: Place::Queue,
            cell: &cell("alpha"),
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            attempts: 1,
        };
        let (tenant, event) = message.map(|message| (message.tenant, message.id)).unzip();
        let letter = DeadLetter::new(draft, tenant, event, original);
        self.put(queue, &letter.encode().unwrap()).await;
        letter
    }

    pub(crate) async fn put(&self, queue: &str, body: &str) {
        let url = self.stack.queue_url(queue).await.unwrap();
        self.stack.sqs().send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    /// Returns the message of an event as its producer made it.
    pub(crate) async fn message(&self, id: &str, tenant: &str, event: &str) -> String {
        let item = self.item(id, tenant, &format!("event#{event}")).await.unwrap();
        let record = serde_dynamo::from_item(item).unwrap();
        Message::of(record, &cell(id)).unwrap().encode().unwrap()
    }

    /// Returns the audit trail, oldest first.
    pub(crate) async fn audit(&self) -> Vec<cellstack_core::cell_table::Item> {
        let query = self.stack.dynamodb().query().table_name(registry()).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", text("audit")).send().await.unwrap().items.unwrap_or_default()
    }

    /// Returns everything in a table, for comparison.
    pub(crate) async fn table(&self, name: &str) -> Vec<String> {
        let items = self.stack.dynamodb().scan().table_name(name).send().await.unwrap().items.unwrap_or_default();
        let mut lines: Vec<String> = items
            .iter()
            .map(|item| {
                let mut attributes: Vec<String> =
                    item.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                attributes.sort();
                attributes.join(" ")
            })
            .collect();
        lines.sort();
        lines
    }
}

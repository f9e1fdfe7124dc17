//! Three cells with tenants and standbys, and `cellctl` over them at the beginning of 2026.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{AttributeValue, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate};
use bytes::Bytes;
use cellstack_cellctl::{Completion, Deployment};
use cellstack_core::CellId;
use cellstack_core::cell_table::Item;
use cellstack_core::registry::{CELLS, CellState};
use cellstack_embedded::names::{CellNames, registry};
use cellstack_embedded::{Stack, VirtualClock};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::cells::{self, Listing};
use hyper::{Request, Response};

use crate::ran::Ran;

/// acme (standby beta), initech (standby gamma) and hooli (without a standby) are in alpha, globex is in beta.
pub(crate) struct CellsWorld {
    pub(crate) stack: Stack,
    clock: Arc<VirtualClock>,
}

/// The beginning of 2026, in milliseconds since the Unix epoch.
pub(crate) const TODAY_MS: u64 = 1_767_225_600_000;
/// The tenant of probes' events.
const PROBE: &str = "cellstack-probe";

pub(crate) fn cell(id: &str) -> CellId {
    id.parse().unwrap()
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl CellsWorld {
    pub(crate) async fn new() -> Self {
        let homes = [("acme", "alpha"), ("initech", "alpha"), ("hooli", "alpha"), ("globex", "beta")];
        let world = Self::of(&homes).await;
        for (tenant, standby) in [("acme", "beta"), ("initech", "gamma")] {
            world.stack.appoint_standby(&tenant.parse().unwrap(), &cell(standby)).await.unwrap();
        }
        world
    }

    /// Makes three cells with these tenants, each with its home, without standbys.
    pub(crate) async fn of(homes: &[(impl AsRef<str>, &str)]) -> Self {
        let mut builder = Stack::builder().cell(cell("alpha")).cell(cell("beta")).cell(cell("gamma"));
        for (tenant, home) in homes {
            builder = builder.tenant(tenant.as_ref().parse().unwrap(), cell(home));
        }
        let clock = Arc::new(VirtualClock::at(7, UNIX_EPOCH + Duration::from_millis(TODAY_MS)));
        Self { stack: builder.build().await.unwrap(), clock }
    }

    pub(crate) fn deployment(&self) -> Deployment {
        let stack = &self.stack;
        Deployment::new("cellstack", stack.dynamodb(), stack.sqs(), self.clock.clone())
            .with_config(stack.aws().sdk_config())
    }

    /// Runs `cellctl` with a command line as a shell would split it (no quotes).
    pub(crate) async fn cellctl(&self, line: &str) -> Ran {
        Ran::of(line, &self.deployment()).await
    }

    /// Runs a verb of `cells` as ann.
    pub(crate) async fn ann(&self, line: &str) -> Ran {
        self.cellctl(&format!("cells {line} --operator ann --reason test")).await
    }

    /// Marks a cell down, and waits until routers know.
    pub(crate) async fn down(&self, id: &str) {
        self.ann(&format!("down {id}")).await.ended(Completion::Done);
        tokio::time::sleep(Duration::from_secs(21)).await;
    }

    /// Lets DynamoDB's calls take time, so that each is an await point.
    pub(crate) fn slow_down(&self) {
        self.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Latency(Duration::from_millis(3))));
    }

    /// Posts an event, under a name if it has one.
    pub(crate) async fn post(&self, tenant: &str, name: Option<&str>, amount: u64) -> Response<Bytes> {
        let body = format!(r#"{{"type":"order","data":{{"amount":{amount}}}}}"#);
        let mut request =
            Request::post("/v1/events").header("content-type", "application/json").header("x-tenant-id", tenant);
        if let Some(name) = name {
            request = request.header("idempotency-key", name);
        }
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        self.stack.url().request(request.body(Bytes::from(body)).unwrap(), peer).await
    }

    /// Posts an event that is accepted or held, and asserts which cell took it.
    pub(crate) async fn taken(&self, tenant: &str, name: Option<&str>, amount: u64, by: &str) {
        let response = self.post(tenant, name, amount).await;
        assert_eq!((response.status().as_u16(), response.headers()["x-cell-id"].to_str().unwrap()), (202, by));
    }

    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..2_400 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within two minutes: {what}");
    }

    /// Returns count and sum of a tenant's events in a cell.
    pub(crate) async fn total(&self, id: &str, tenant: &str) -> (u64, u64) {
        let get = self.stack.dynamodb().get_item().table_name(CellNames::of(&cell(id)).table);
        let get = get.key("tenant_id", text(tenant)).key("sk", text("total#order")).consistent_read(true);
        let item = get.send().await.unwrap().item.unwrap_or_default();
        let number = |name: &str| item.get(name).map_or(0, |value| value.as_n().unwrap().parse().unwrap());
        (number("count"), number("sum"))
    }

    /// Returns the number of tenants' events in a cell by status.
    pub(crate) async fn events(&self, id: &str) -> HashMap<String, usize> {
        self.events_of(id, |tenant| tenant != PROBE).await
    }

    /// Returns the number of probes' events in a cell by status.
    pub(crate) async fn probes(&self, id: &str) -> HashMap<String, usize> {
        self.events_of(id, |tenant| tenant == PROBE).await
    }

    async fn events_of(&self, id: &str, is_meant: impl Fn(&str) -> bool) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for item in self.items(&CellNames::of(&cell(id)).table).await {
            let text = |name: &str| item[name].as_s().unwrap();
            if text("sk").starts_with("event#") && is_meant(text("tenant_id")) {
                *counts.entry(text("status").clone()).or_default() += 1;
            }
        }
        counts
    }

    pub(crate) async fn items(&self, table: &str) -> Vec<Item> {
        let scan = self.stack.dynamodb().scan().table_name(table).consistent_read(true).into_paginator();
        scan.items().send().collect::<Result<_, _>>().await.unwrap()
    }

    /// Puts an item into a table.
    pub(crate) async fn put(&self, table: &str, attributes: &[(&str, AttributeValue)]) {
        let item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.stack.dynamodb().put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    /// Sets an attribute of an item of the registry.
    pub(crate) async fn set(&self, pk: &str, sk: &str, attribute: &str, value: AttributeValue) {
        let update = self.stack.dynamodb().update_item().table_name(registry()).key("pk", text(pk)).key("sk", text(sk));
        let update = update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute);
        update.expression_attribute_values(":v", value).send().await.unwrap();
    }

    /// Takes an item out of the registry.
    pub(crate) async fn remove(&self, pk: &str, sk: &str) {
        let delete = self.stack.dynamodb().delete_item().table_name(registry());
        delete.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap();
    }

    /// Makes the registry one of an earlier version, which has no index of cells.
    pub(crate) async fn drop_index(&self) {
        let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(CELLS).build().unwrap();
        let delete = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
        let update = self.stack.dynamodb().update_table().table_name(registry());
        update.global_secondary_index_updates(delete).send().await.unwrap();
    }

    pub(crate) async fn listing(&self) -> Listing {
        cells::list(&self.stack.dynamodb(), &registry()).await.unwrap()
    }

    pub(crate) async fn state(&self, id: &str) -> CellState {
        self.listing().await.cell(&cell(id)).unwrap().state.clone().unwrap()
    }

    pub(crate) async fn status(&self, id: &str) -> &'static str {
        self.state(id).await.status.as_str()
    }

    /// Sends a text to a queue.
    pub(crate) async fn send(&self, queue: &str, body: &str) {
        let url = self.stack.queue_url(queue).await.unwrap();
        self.stack.sqs().send_message().queue_url(url).message_body(body).send().await.unwrap();
    }
}

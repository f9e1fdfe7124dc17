//! A tenant that writes while it is moved, and the checks of what must be true afterwards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::cell_table::Item;
use cellstack_core::fence::FENCE_PREFIX;
use cellstack_embedded::names::{CellNames, registry, tenant_map};
use cellstack_store::TenantMap;
use cellstack_store::tenant_map::TenantEntry;
use serde_json::Value;

use crate::cells::world::{CellsWorld, cell, text};
use crate::ran::Ran;

/// The events that a tenant's caller got acknowledged, by name.
#[derive(Default)]
pub(crate) struct Caller {
    pub(crate) acknowledged: RefCell<BTreeMap<String, String>>,
    pub(crate) ended: Cell<bool>,
    /// The longest time of one request, its retries included.
    pub(crate) longest: Cell<Duration>,
    next: Cell<u64>,
}

impl Caller {
    /// Posts an event every `pause` until the test ends it. Each is repeated under its name until it is acknowledged.
    pub(crate) async fn write(&self, world: &CellsWorld, tenant: &str, pause: Duration) {
        while !self.ended.get() {
            self.post(world, tenant).await;
            tokio::time::sleep(pause).await;
        }
    }

    pub(crate) async fn post(&self, world: &CellsWorld, tenant: &str) {
        let name = format!("{tenant}-{}", self.next.replace(self.next.get() + 1));
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(300) {
            let response = world.post(tenant, Some(&name), 1).await;
            if response.status() == 202 {
                let body: Value = serde_json::from_slice(response.body()).unwrap();
                self.acknowledged.borrow_mut().insert(name, body["id"].as_str().unwrap().to_owned());
                self.longest.set(self.longest.get().max(begun.elapsed()));
                return;
            }
            assert_eq!(response.status(), 503, "{response:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{name} was never acknowledged");
    }
}

impl CellsWorld {
    /// Runs a command as ann.
    pub(crate) async fn as_ann(&self, line: &str) -> Ran {
        self.cellctl(&format!("{line} --operator ann --reason test")).await
    }

    pub(crate) async fn entry(&self, tenant: &str) -> TenantEntry {
        let map = TenantMap::new(self.stack.dynamodb(), tenant_map());
        map.entry(&tenant.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Returns where a tenant is: cell, epoch and state.
    pub(crate) async fn place_of(&self, tenant: &str) -> (String, u64, &'static str) {
        let route = self.entry(tenant).await.route;
        (route.cell_id.to_string(), route.epoch.0, route.state.as_str())
    }

    /// Returns a tenant's items in a cell, by sort key.
    pub(crate) async fn partition(&self, id: &str, tenant: &str) -> BTreeMap<String, Item> {
        let query = self.stack.dynamodb().query().table_name(CellNames::of(&cell(id)).table).consistent_read(true);
        let query = query.key_condition_expression("tenant_id = :t").expression_attribute_values(":t", text(tenant));
        let items: Vec<Item> = query.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
        items.into_iter().map(|item| (item["sk"].as_s().unwrap().clone(), item)).collect()
    }

    /// Returns the states and epochs of a tenant's fence in a cell.
    pub(crate) async fn fence(&self, id: &str, tenant: &str) -> Vec<(String, u64)> {
        let items = self.partition(id, tenant).await;
        let shards = items.into_iter().filter(|(key, _)| key.starts_with(FENCE_PREFIX));
        let mut found: Vec<_> = shards
            .map(|(_, item)| (item["state"].as_s().unwrap().clone(), item["epoch"].as_n().unwrap().parse().unwrap()))
            .collect();
        found.dedup();
        found
    }

    /// Returns the only move on record, as programs see it.
    pub(crate) async fn last_move(&self) -> Value {
        let moves = self.cellctl("moves ls --output json").await.ended(Completion::Done).json();
        moves[0].clone()
    }

    pub(crate) async fn move_id(&self) -> String {
        self.last_move().await["move"].as_str().unwrap().to_owned()
    }

    /// Checks that each acknowledged event is in the tenant's cell, processed once, with the totals that they make.
    pub(crate) async fn all_is_there(&self, tenant: &str, caller: &Caller, when: &str) {
        let acknowledged = caller.acknowledged.borrow().clone();
        let count = acknowledged.len() as u64;
        let home = self.place_of(tenant).await.0;
        self.until(&format!("{when}: all events in {home}"), async || {
            self.total(&home, tenant).await == (count, count)
        })
        .await;
        let items = self.partition(&home, tenant).await;
        for (name, id) in &acknowledged {
            let item = items.get(&format!("event#{id}"));
            let status = item.map(|item| item["status"].as_s().unwrap().as_str());
            assert_eq!(status, Some("processed"), "{when}: {name} {id}");
        }
        let events = items.keys().filter(|key| key.starts_with("event#")).count() as u64;
        assert_eq!(events, count, "{when}");
        // Another cell has equal copies of them, or handed them over: nothing ran twice.
        for other in ["alpha", "beta", "gamma"].into_iter().filter(|other| *other != home) {
            for (key, item) in self.partition(other, tenant).await {
                if key.starts_with("event#") && item["status"].as_s().unwrap() == "processed" {
                    assert_eq!(items.get(&key), Some(&item), "{when}: {key} in {other}");
                }
            }
        }
        self.books_are_right(when).await;
    }

    /// Checks that the registry's counts are those of the map.
    pub(crate) async fn books_are_right(&self, when: &str) {
        let ran = self.cellctl("cells recount --dry-run --output json").await.ended(Completion::Done);
        assert_eq!(ran.json(), Value::Array(Vec::new()), "{when}");
    }

    /// Returns the number of items that the registry has under a partition.
    pub(crate) async fn registered(&self, pk: &str) -> usize {
        let query = self.stack.dynamodb().query().table_name(registry()).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", text(pk));
        query.send().await.unwrap().items.unwrap_or_default().len()
    }
}

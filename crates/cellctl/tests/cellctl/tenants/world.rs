//! Cells of a few places, `cellctl` over them, and a check of their books.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_cellctl::Deployment;
use cellstack_core::cell_table::Item;
use cellstack_core::fence::{FENCE_PREFIX, FENCE_SHARDS};
use cellstack_core::registry::CellState;
use cellstack_embedded::names::{CellNames, registry, tenant_map};
use cellstack_embedded::{Disorder, Stack, VirtualClock};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::TenantMap;
use cellstack_store::cells::{self, Listing};
use cellstack_store::tenant_map::TenantEntry;

use crate::ran::Ran;

/// A stack without tenants.
pub(crate) struct TenantsWorld {
    pub(crate) stack: Stack,
    clock: Arc<VirtualClock>,
    directory: PathBuf,
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl TenantsWorld {
    /// Makes a stack of cells with these capacities.
    pub(crate) async fn new(cells: &[(&str, u64)]) -> Self {
        Self::with(cells, Disorder::NONE).await
    }

    pub(crate) async fn with(cells: &[(&str, u64)], disorder: Disorder) -> Self {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let mut builder = Stack::builder().disorder(disorder);
        for (id, _) in cells {
            builder = builder.cell(id.parse().unwrap());
        }
        let name = format!("cellctl-tenants-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let (stack, clock) = (builder.build().await.unwrap(), Arc::new(VirtualClock::new(7)));
        let world = Self { stack, clock, directory };
        for (id, capacity) in cells {
            world.set_cell(id, "config", "capacity", number(*capacity)).await;
        }
        world
    }

    pub(crate) fn deployment(&self) -> Deployment {
        Deployment::new("cellstack", self.stack.dynamodb(), self.stack.sqs(), self.clock.clone())
    }

    /// Runs `cellctl` with a command line as a shell would split it (no quotes).
    pub(crate) async fn cellctl(&self, line: &str) -> Ran {
        Ran::of(line, &self.deployment()).await
    }

    pub(crate) async fn place(&self, more: &str) -> Ran {
        self.cellctl(&format!("tenants place --operator test {more}")).await
    }

    /// Writes a file of tenants and returns its path.
    pub(crate) fn file(&self, contents: &str) -> String {
        let path = self.directory.join("tenants");
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Lets calls take time, so that each is an await point.
    pub(crate) fn slow_down(&self) {
        self.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Latency(Duration::from_millis(3))));
    }

    /// Sets an attribute of a cell's item in the registry.
    pub(crate) async fn set_cell(&self, id: &str, item: &str, attribute: &str, value: AttributeValue) {
        let update = self.stack.dynamodb().update_item().table_name(registry());
        let update = update.key("pk", text(&format!("cell#{id}"))).key("sk", text(item));
        let update = update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute);
        update.expression_attribute_values(":v", value).send().await.unwrap();
    }

    pub(crate) async fn listing(&self) -> Listing {
        cells::list(&self.stack.dynamodb(), &registry()).await.unwrap()
    }

    /// Returns the map's entry of a tenant.
    pub(crate) async fn entry(&self, tenant: &str) -> TenantEntry {
        let map = TenantMap::new(self.stack.dynamodb(), tenant_map());
        map.entry(&tenant.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Returns the tenants that have a cell.
    pub(crate) async fn placed(&self) -> Vec<TenantEntry> {
        let mut entries = Vec::new();
        let map = TenantMap::new(self.stack.dynamodb(), tenant_map());
        map.scan(|entry| entries.push(entry.unwrap())).await.unwrap();
        entries.retain(TenantEntry::is_placed);
        entries
    }

    /// Returns the audit trail, oldest first.
    pub(crate) async fn audit(&self) -> Vec<Item> {
        let query = self.stack.dynamodb().query().table_name(registry()).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", text("audit")).send().await.unwrap().items.unwrap_or_default()
    }

    /// Checks that counts, pairs and fences are those of the map's tenants, and that no cell has more than it takes. Returns
    /// the number of tenants.
    pub(crate) async fn check_books(&self, when: &str) -> usize {
        let (listing, placed) = (self.listing().await, self.placed().await);
        let (mut counts, mut pairs) = (BTreeMap::new(), BTreeMap::new());
        let mut fences = BTreeSet::new();
        for TenantEntry { route, weight, .. } in &placed {
            let (tenants, sum) = counts.entry(&route.cell_id).or_insert((0, 0));
            *tenants += 1;
            *sum += weight;
            let fence = |cell: &str, state: &str| {
                (cell.to_owned(), route.tenant_id.to_string(), state.to_owned(), route.epoch.0)
            };
            fences.insert(fence(route.cell_id.as_str(), "open"));
            if let Some(standby) = &route.standby_cell_id {
                *pairs.entry((route.cell_id.clone(), standby.clone())).or_insert(0) += 1;
                fences.insert(fence(standby.as_str(), "standby"));
            }
        }
        for cell in &listing.cells {
            let CellState { tenants, placed, .. } = *cell.state.as_ref().unwrap();
            let expected = counts.get(&cell.id).copied().unwrap_or_default();
            assert_eq!((tenants, placed), expected, "{when}: {}", cell.id);
            assert!(placed <= cell.config.capacity, "{when}: {} has {placed} of {}", cell.id, cell.config.capacity);
        }
        let recorded: BTreeMap<_, _> = listing.pairs.into_iter().filter(|(_, tenants)| *tenants > 0).collect();
        assert_eq!(recorded, pairs, "{when}");
        assert_eq!(self.fences().await, fences, "{when}");
        placed.len()
    }

    /// Returns the fences that are not closed: cell, tenant, state and epoch. All shards of one agree.
    async fn fences(&self) -> BTreeSet<(String, String, String, u64)> {
        let mut shards = BTreeMap::new();
        for cell in self.stack.cells() {
            let scan = self.stack.dynamodb().scan().table_name(CellNames::of(&cell).table);
            let scan = scan.filter_expression("begins_with(sk, :fence)").consistent_read(true);
            let mut items =
                scan.expression_attribute_values(":fence", text(FENCE_PREFIX)).into_paginator().items().send();
            while let Some(item) = items.next().await {
                let item = item.unwrap();
                let text = |name: &str| item[name].as_s().unwrap().clone();
                let epoch: u64 = item["epoch"].as_n().unwrap().parse().unwrap();
                *shards.entry((cell.to_string(), text("tenant_id"), text("state"), epoch)).or_insert(0) += 1;
            }
        }
        shards.retain(|(_, _, state, _), _| state != "closed");
        assert!(shards.values().all(|count| *count == FENCE_SHARDS), "{shards:?}");
        shards.into_keys().collect()
    }
}

impl Drop for TenantsWorld {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

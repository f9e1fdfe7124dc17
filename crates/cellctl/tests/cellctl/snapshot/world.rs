//! A stack, a place for a snapshot, and `cellctl` over them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_cellctl::Deployment;
use cellstack_core::cell_table::Item;
use cellstack_core::snapshot::Index;
use cellstack_core::{TenantId, TenantRoute};
use cellstack_embedded::names::{registry, tenant_map};
use cellstack_embedded::{Stack, VirtualClock};
use cellstack_store::snapshot::SnapshotSource;

use crate::ran::Ran;

/// Cells alpha and beta; acme is in alpha, globex in beta.
pub(crate) struct SnapshotWorld {
    pub(crate) stack: Stack,
    directory: PathBuf,
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl SnapshotWorld {
    pub(crate) async fn new() -> Self {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let mut builder = Stack::builder();
        for (tenant, id) in [("acme", "alpha"), ("globex", "beta")] {
            builder = builder.cell(id.parse().unwrap()).tenant(tenant.parse().unwrap(), id.parse().unwrap());
        }
        let name = format!("cellctl-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Self { stack: builder.build().await.unwrap(), directory }
    }

    /// Returns the path of the snapshot.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join("map")
    }

    /// Returns what the snapshot holds.
    pub(crate) async fn snapshot(&self) -> (Index, BTreeMap<TenantId, TenantRoute>) {
        let (config, limit) = (self.stack.aws().sdk_config(), Duration::from_secs(5));
        let opened = SnapshotSource::File(self.file()).open(&config, limit).await.unwrap();
        let mut tenants = BTreeMap::new();
        let keep = |route: &TenantRoute| drop(tenants.insert(route.tenant_id.clone(), route.clone()));
        opened.check(&config, limit, keep).await.unwrap();
        (opened.index().clone(), tenants)
    }

    /// Runs `cellctl` with a command line as a shell would split it. `PLACE` stands for the URL of the snapshot.
    pub(crate) async fn cellctl(&self, line: &str) -> Ran {
        let line = line.replace("PLACE", &format!("file://{}", self.file().display()));
        let clock = Arc::new(VirtualClock::new(7));
        let deployment = Deployment::new("cellstack", self.stack.dynamodb(), self.stack.sqs(), clock);
        Ran::of(&line, &deployment).await
    }

    pub(crate) async fn write(&self, more: &str) -> Ran {
        self.cellctl(&format!("snapshot write --to PLACE --operator test {more}")).await
    }

    /// Puts an entry into the map.
    pub(crate) async fn entry(&self, tenant: &str, cell: &str, more: &[(&str, AttributeValue)]) {
        let put = self.stack.dynamodb().put_item().table_name(tenant_map());
        let mut put = put.item("tenant_id", text(tenant)).item("cell_id", text(cell));
        put = put.item("epoch", number(1)).item("state", text("active"));
        for (name, value) in more {
            put = put.item(*name, value.clone());
        }
        put.send().await.unwrap();
    }

    /// Puts an item into the registry.
    pub(crate) async fn state(&self, cell: &str, status: &str, down_at: u64) {
        let put = self.stack.dynamodb().put_item().table_name(registry()).item("pk", text(&format!("cell#{cell}")));
        let put = put.item("sk", text("state")).item("status", text(status)).item("down_at", number(down_at));
        put.send().await.unwrap();
    }

    /// Returns the audit trail, oldest first.
    pub(crate) async fn audit(&self) -> Vec<Item> {
        let query = self.stack.dynamodb().query().table_name(registry()).key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", text("audit")).send().await.unwrap().items.unwrap_or_default()
    }
}

impl Drop for SnapshotWorld {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

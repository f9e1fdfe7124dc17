//! A router that never read the map, and starts from a snapshot of it while the map is out of reach.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cellstack_core::limits::SNAPSHOT_LEASE;
use cellstack_core::registry::{CellRecord, CellStatus};
use cellstack_core::snapshot::Snapshot;
use cellstack_core::{Epoch, RouteState, TenantRoute};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::snapshot::SnapshotSource;

use crate::environment::Environment;
use crate::world::StackWorld;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;

/// A file of its own, removed with the test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cellstack-snapshot-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn source(&self) -> SnapshotSource {
        SnapshotSource::File(self.0.clone())
    }

    async fn holding(world: &StackWorld, snapshot: &Snapshot) -> Self {
        let file = Self::new();
        file.source().write(&world.stack.aws().sdk_config(), snapshot).await.unwrap();
        file
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Returns a snapshot with acme in alpha.
fn snapshot(status: CellStatus) -> Snapshot {
    let (tenant, cell) = ("acme".parse().unwrap(), "alpha".parse().unwrap());
    let route = TenantRoute {
        tenant_id: "acme".parse().unwrap(),
        cell_id: "alpha".parse().unwrap(),
        epoch: Epoch(1),
        state: RouteState::Active,
        standby_cell_id: None,
    };
    let record = CellRecord { table: "cellstack-cell-alpha".into(), status, down_at: None, retry_after: None };
    Snapshot { taken_at_ms: 1, tenants: [(tenant, route)].into(), cells: [(cell, record)].into() }
}

fn cut_off(world: &StackWorld) {
    for table in ["cellstack-tenant-map", "cellstack-registry"] {
        world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Hang).on(table));
    }
}

fn starting_from(world: &StackWorld, file: &File) -> Environment {
    Environment::with(world, |settings| settings.snapshot = Some(file.source()))
}

#[tokio::test(start_paused = true)]
async fn a_cold_router_serves_the_tenants_of_its_snapshot_by_fenced_writes() {
    let world = StackWorld::new().await;
    let file = File::holding(&world, &snapshot(CellStatus::Active)).await;
    let environment = starting_from(&world, &file);
    cut_off(&world);
    for _ in 0..2 {
        let response = environment.post("acme", ORDER).await;
        assert_eq!((response.status, response.header("x-route-source")), (202, "stale"), "{}", response.body);
    }
    let writes: Vec<_> = environment.wire.take().into_iter().map(|sent| sent.operation).collect();
    assert_eq!(writes.iter().filter(|operation| *operation == "TransactWriteItems").count(), 2, "{writes:?}");
    assert!(!writes.iter().any(|operation| operation == "PutItem"), "{writes:?}");

    // The snapshot says nothing of other tenants, least of all that there are none.
    let unknown = environment.post("globex", ORDER).await;
    assert_eq!((unknown.status, unknown.problem().as_str(), unknown.header("x-cell-id")), (503, "unavailable", ""));

    // Once the map is back, the map counts.
    world.stack.aws().faults().clear();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let response = environment.post("acme", ORDER).await;
    assert_eq!((response.status, response.header("x-route-source")), (202, "map"));
    assert_eq!(environment.post("umbrella", ORDER).await.problem(), "unknown-tenant");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_from_before_a_move_writes_nothing_into_the_old_cell() {
    let world = StackWorld::new().await;
    let file = File::holding(&world, &snapshot(CellStatus::Active)).await;
    let environment = starting_from(&world, &file);
    world.move_tenant("acme", "alpha", "beta", 2).await;
    cut_off(&world);
    let before = world.items("alpha").await;
    let refused = environment.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    assert_eq!(world.items("alpha").await.len(), before.len());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_missing_or_not_what_was_written_is_not_used() {
    let world = StackWorld::new().await;
    cut_off(&world);
    let good = snapshot(CellStatus::Active).encode();
    let mut edited = good.clone();
    let at = edited.windows(5).rposition(|window| window == b"alpha").unwrap();
    edited[at..at + 5].copy_from_slice(b"gamma");
    for (what, bytes) in [("missing", None), ("edited", Some(&edited[..])), ("cut off", Some(&good[..good.len() - 9]))]
    {
        let file = File::new();
        if let Some(bytes) = bytes {
            std::fs::write(&file.0, bytes).unwrap();
        }
        let environment = starting_from(&world, &file);
        let refused = environment.post("acme", ORDER).await;
        assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"), "{what}");
        assert!(environment.wire.take().iter().all(|sent| !sent.body.contains("cellstack-cell")), "{what}");

        // The router looks at the file again some time later.
        std::fs::write(&file.0, &good).unwrap();
        tokio::time::sleep(SNAPSHOT_LEASE).await;
        assert_eq!(environment.post("acme", ORDER).await.status, 202, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_was_down_in_the_snapshot_is_not_sent_to() {
    let world = StackWorld::new().await;
    let file = File::holding(&world, &snapshot(CellStatus::Down)).await;
    let environment = starting_from(&world, &file);
    cut_off(&world);
    let refused = environment.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    assert!(environment.wire.take().iter().all(|sent| !sent.body.contains("cellstack-cell")));
}

//! A router that never read the map, and starts from a snapshot of it while the map is out of reach.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cellstack_core::limits::{SNAPSHOT_BLOCK_COOLDOWN, SNAPSHOT_LEASE};
use cellstack_core::registry::{CellRecord, CellStatus};
use cellstack_core::snapshot::{Draft, Encoded};
use cellstack_core::{CellId, TenantRoute};
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::snapshot::SnapshotSource;

use crate::environment::{Environment, Sent};
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

    async fn holding(world: &StackWorld, snapshot: Encoded) -> Self {
        let file = Self::new();
        file.source().write(&world.stack.aws().sdk_config(), &Arc::new(snapshot)).await.unwrap();
        file
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Returns a snapshot with acme in alpha, and with this many tenants behind it.
fn snapshot_with(status: CellStatus, others: usize) -> Encoded {
    let cell: CellId = "alpha".parse().unwrap();
    let mut draft = Draft::new(1);
    draft.insert(&TenantRoute::first("acme".parse().unwrap(), cell.clone())).unwrap();
    for at in 0..others {
        draft.insert(&TenantRoute::first(format!("other-{at:05}").parse().unwrap(), cell.clone())).unwrap();
    }
    let record = CellRecord {
        table: "cellstack-cell-alpha".into(),
        status,
        down_at: None,
        carried_down_at: None,
        retry_after: None,
    };
    draft.encode(&[(cell, record)].into()).unwrap()
}

/// Returns a snapshot with acme in alpha.
fn snapshot(status: CellStatus) -> Encoded {
    snapshot_with(status, 0)
}

fn bytes(snapshot: &Encoded) -> Vec<u8> {
    snapshot.pieces().flatten().collect()
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
    let file = File::holding(&world, snapshot(CellStatus::Active)).await;
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
    let file = File::holding(&world, snapshot(CellStatus::Active)).await;
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
    let good = bytes(&snapshot(CellStatus::Active));
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
    let file = File::holding(&world, snapshot(CellStatus::Down)).await;
    let environment = starting_from(&world, &file);
    cut_off(&world);
    let refused = environment.post("acme", ORDER).await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    assert!(environment.wire.take().iter().all(|sent| !sent.body.contains("cellstack-cell")));
}

#[tokio::test(start_paused = true)]
async fn a_block_that_was_edited_costs_its_own_tenants_their_service_and_no_others() {
    let world = StackWorld::new().await;
    let good = bytes(&snapshot_with(CellStatus::Active, 5_000));
    let mut edited = good.clone();
    let at = edited.windows(11).rposition(|window| window == b"other-04999").unwrap();
    edited[at] = b'O';
    let file = File::new();
    std::fs::write(&file.0, &edited).unwrap();
    let environment = starting_from(&world, &file);
    cut_off(&world);
    for (tenant, status) in [("other-04998", 503), ("acme", 202), ("other-04998", 503)] {
        let response = environment.post(tenant, ORDER).await;
        assert_eq!(response.status, status, "{tenant}: {}", response.body);
    }
    // Written over in place, the block is as its index says.
    std::fs::write(&file.0, &good).unwrap();
    tokio::time::sleep(SNAPSHOT_BLOCK_COOLDOWN).await;
    let to_cell = |sent: &Sent| sent.body.contains("cellstack-cell") && sent.body.contains("other-04998");
    assert!(!environment.wire.take().iter().any(to_cell));
    // The router sends the write, and the cell refuses it: the tenant has no fence there.
    assert_eq!(environment.post("other-04998", ORDER).await.status, 503);
    let sent = environment.wire.take();
    assert!(sent.iter().any(to_cell), "{sent:?}");
}

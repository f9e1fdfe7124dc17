//! Lookups in a bucket that is replaced, edited, slow or gone.

mod bucket;

use std::time::Duration;

use cellstack_core::hex::sha256;
use cellstack_core::limits::BREAKER_COOLDOWN_MIN;
use cellstack_core::registry::CellStatus;
use cellstack_core::snapshot::Draft;
use futures_util::future::join_all;

use self::bucket::{Behaviour, Bucket};
use super::*;
use crate::scripted::PausedClock;

fn tenant(at: usize) -> TenantId {
    format!("tenant-{at:06}").parse().unwrap()
}

/// Returns the object of a snapshot of this many tenants, all in this cell.
fn object(tenants: usize, cell: &str) -> Vec<u8> {
    let record = CellRecord {
        table: format!("table-{cell}"),
        status: CellStatus::Active,
        down_at: None,
        carried_down_at: None,
        retry_after: None,
    };
    let cell: CellId = cell.parse().unwrap();
    let mut draft = Draft::new(1);
    for at in 0..tenants {
        draft.insert(&TenantRoute::first(tenant(at), cell.clone())).unwrap();
    }
    let encoded = draft.encode(&[(cell, record)].into()).unwrap();
    encoded.pieces().collect::<Vec<_>>().concat()
}

/// Tenants of nine blocks.
const TENANTS: usize = 13_000;

struct World {
    bucket: Bucket,
    snapshots: Snapshots<PausedClock>,
}

impl World {
    fn new() -> Self {
        let bucket = Bucket::holding(object(TENANTS, "alpha"));
        let source = Some("s3://maps/map".parse().unwrap());
        let snapshots = Snapshots::new(source, bucket.config(), RouterClock::new(PausedClock::new()));
        Self { bucket, snapshots }
    }

    /// Returns the tenant's cell, and the parts that were read for it.
    async fn look_up(&self, at: usize) -> (Option<String>, usize) {
        let route = self.snapshots.tenant(&tenant(at)).await;
        (route.map(|route| route.cell_id.to_string()), self.bucket.take().len())
    }
}

/// Returns whether a time is that of one lookup which gets no response.
fn is_limit(time: Duration) -> bool {
    time >= SNAPSHOT_TIMEOUT && time < SNAPSHOT_TIMEOUT + Duration::from_millis(10)
}

fn alpha() -> Option<String> {
    Some("alpha".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_first_lookup_reads_twice_and_one_in_a_block_that_is_kept_not_at_all() {
    let world = World::new();
    assert_eq!(world.look_up(0).await, (alpha(), 2), "index and block");
    assert_eq!(world.look_up(1).await, (alpha(), 0), "the same block");
    assert_eq!(world.look_up(TENANTS - 1).await, (alpha(), 1), "another block");
    assert_eq!(world.look_up(TENANTS).await, (None, 0), "not in the last block");
    let before: TenantId = "a".parse().unwrap();
    assert!(world.snapshots.tenant(&before).await.is_none() && world.bucket.take().is_empty(), "before all blocks");
    let record = world.snapshots.cell(&"alpha".parse().unwrap()).await.unwrap();
    assert_eq!((record.table.as_str(), world.bucket.take().len()), ("table-alpha", 0));
}

#[tokio::test(start_paused = true)]
async fn lookups_in_one_block_read_it_once_and_those_in_another_do_not_wait_for_it() {
    let world = World::new();
    world.look_up(0).await;
    world.bucket.takes(Duration::from_millis(500));
    let begun = Instant::now();
    let ids: Vec<_> = (6_000..6_010).map(tenant).collect();
    let same = join_all(ids.iter().map(|id| world.snapshots.tenant(id)));
    let other = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        world.snapshots.tenant(&tenant(TENANTS - 1)).await
    };
    let (same, other) = tokio::join!(same, other);
    assert!(same.iter().all(Option::is_some) && other.is_some());
    assert!(begun.elapsed() < Duration::from_millis(950), "{:?}", begun.elapsed());
    assert_eq!(world.bucket.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_replaced_is_opened_anew_and_shared_blocks_are_kept() {
    let world = World::new();
    world.look_up(0).await;
    world.bucket.put(object(TENANTS + 1, "alpha"));
    assert_eq!(world.look_up(TENANTS - 1).await, (alpha(), 3), "412, index, block");
    assert_eq!(world.look_up(TENANTS).await, (alpha(), 0));
    assert_eq!(world.look_up(1).await, (alpha(), 0), "a block of both");

    world.bucket.put(object(TENANTS, "beta"));
    assert_eq!(world.look_up(1).await, (alpha(), 0), "within the lease, what is kept serves");
    tokio::time::sleep(SNAPSHOT_LEASE).await;
    assert_eq!(world.look_up(1).await, (Some("beta".to_owned()), 2), "index and block");
}

#[tokio::test(start_paused = true)]
async fn one_of_many_opens_a_replaced_object() {
    let world = World::new();
    world.look_up(0).await;
    world.bucket.put(object(TENANTS, "beta"));
    let ids: Vec<_> = (0..4).map(|at| tenant(TENANTS - 1 - at * 2_000)).collect();
    let found = join_all(ids.iter().map(|id| world.snapshots.tenant(id))).await;
    assert!(found.iter().flatten().all(|route| route.cell_id.as_str() == "beta"), "{found:?}");
    assert_eq!((found.len(), world.bucket.take().len()), (4, 4 + 1 + 4), "a 412 each, one index, a block each");
}

#[tokio::test(start_paused = true)]
async fn a_replaced_object_that_is_no_snapshot_is_not_asked_for_again_within_the_lease() {
    let world = World::new();
    world.look_up(0).await;
    world.bucket.put(b"something else".to_vec());
    assert_eq!(world.look_up(TENANTS - 1).await, (None, 2), "412, and something else");
    assert_eq!(world.look_up(TENANTS - 1).await, (None, 0), "the block cools down");
    assert_eq!(world.look_up(6_000).await, (None, 1), "412, and no more");
    assert_eq!(world.look_up(1).await, (alpha(), 0), "the index and its blocks stay");
    world.bucket.put(object(TENANTS, "beta"));
    tokio::time::sleep(SNAPSHOT_LEASE).await;
    assert_eq!(world.look_up(6_000).await, (Some("beta".to_owned()), 2));
}

#[tokio::test(start_paused = true)]
async fn a_block_that_was_edited_fails_alone_and_is_read_again_later() {
    let world = World::new();
    let good = object(TENANTS, "alpha");
    let mut edited = good.clone();
    let name = format!("{}\",\"alpha", tenant(6_000));
    let at = edited.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
    edited[at + name.len() - 1] = b'o';
    assert_ne!(sha256(&edited), sha256(&good));
    world.bucket.put(edited);
    assert_eq!(world.look_up(6_001).await, (None, 2));
    assert_eq!(world.look_up(6_001).await, (None, 0), "not asked for again");
    assert_eq!(world.look_up(0).await, (alpha(), 1), "the others serve");
    tokio::time::sleep(SNAPSHOT_BLOCK_COOLDOWN).await;
    assert_eq!(world.look_up(6_001).await, (None, 1), "once again");
    world.bucket.put(good);
    tokio::time::sleep(SNAPSHOT_LEASE).await;
    assert_eq!(world.look_up(6_001).await, (alpha(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_hangs_costs_one_lookup_its_time_and_others_none() {
    let world = World::new();
    world.look_up(0).await;
    world.bucket.set(Behaviour::Hangs);
    let begun = Instant::now();
    assert_eq!(world.look_up(TENANTS - 1).await, (None, 1));
    assert!(is_limit(begun.elapsed()), "{:?}", begun.elapsed());
    for at in [TENANTS - 1, 3_000, 6_000, 9_000] {
        assert_eq!(world.look_up(at).await, (None, 0), "{at}");
    }
    assert_eq!(world.look_up(1).await, (alpha(), 0));
    assert!(is_limit(begun.elapsed()), "{:?}", begun.elapsed());
    tokio::time::sleep(BREAKER_COOLDOWN_MIN).await;
    world.bucket.set(Behaviour::Serves);
    assert_eq!(world.look_up(3_000).await, (alpha(), 1), "a probe");
    assert_eq!(world.look_up(TENANTS - 1).await, (None, 0), "cools down");
    tokio::time::sleep(SNAPSHOT_BLOCK_COOLDOWN).await;
    assert_eq!(world.look_up(TENANTS - 1).await, (alpha(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_hangs_at_the_index_costs_its_time_once_per_lease_and_the_index_before_stays() {
    let world = World::new();
    world.bucket.set(Behaviour::Hangs);
    let begun = Instant::now();
    let ids: Vec<_> = (0..20).map(tenant).collect();
    let found = join_all(ids.iter().map(|id| world.snapshots.tenant(id))).await;
    assert!(found.iter().all(Option::is_none));
    assert!(is_limit(begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(world.look_up(0).await, (None, 1), "one read for all");
    assert_eq!(world.look_up(0).await, (None, 0));
    world.bucket.set(Behaviour::Serves);
    tokio::time::sleep(SNAPSHOT_LEASE).await;
    assert_eq!(world.look_up(0).await, (alpha(), 2));
    world.bucket.set(Behaviour::Refuses(503));
    tokio::time::sleep(SNAPSHOT_LEASE).await;
    assert_eq!(world.look_up(0).await, (alpha(), 1), "the index from before, and its block");
    assert_eq!(world.look_up(1).await, (alpha(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_is_cancelled_while_the_index_is_read_loses_nothing() {
    let world = World::new();
    world.look_up(0).await;
    tokio::time::sleep(SNAPSHOT_LEASE).await;
    world.bucket.set(Behaviour::Hangs);
    let cancelled = tokio::time::timeout(Duration::from_millis(100), world.snapshots.tenant(&tenant(0))).await;
    assert!(cancelled.is_err());
    assert_eq!(world.look_up(0).await, (alpha(), 2), "both reads of the index, and the one from before");
}

#[tokio::test(start_paused = true)]
async fn no_more_blocks_are_kept_than_may_be() {
    let world = World::new();
    let all = (SNAPSHOT_BLOCKS + 8) * TENANTS / 8;
    world.bucket.put(object(all, "alpha"));
    for at in (0..all).step_by(1_000) {
        assert_eq!(world.look_up(at).await.0, alpha(), "{at}");
    }
    assert_eq!(world.look_up(all - 1).await, (alpha(), 0), "the last one is kept");
    assert_eq!(world.look_up(0).await, (alpha(), 1), "the first one is not");
}

//! The snapshot of the tenant map: the operators write it, and the router's role may read it and nothing else.

use std::sync::Arc;

use cellstack_aws::fetch::FetchError;
use cellstack_cellctl::Completion;
use cellstack_core::TenantId;
use cellstack_core::limits::SNAPSHOT_READ_TIMEOUT;
use cellstack_core::snapshot::Draft;
use cellstack_store::snapshot::{SnapshotError, SnapshotSource};

use crate::cellctl::cellctl;
use crate::isolation::assume;
use crate::stack::Deployed;

/// Returns the status with which S3 refused a call.
fn refused<T: std::fmt::Debug>(result: Result<T, SnapshotError>) -> u16 {
    match result {
        Err(SnapshotError::S3(FetchError::Status { status, .. })) => status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_router_may_read_its_snapshot_and_no_other_object() {
    let deployed = Deployed::read();
    let (completion, text) =
        cellctl(&deployed, &["snapshot", "write", "--to", &deployed.router_snapshot, "--operator", "e2e"]).await;
    assert_eq!(completion, Completion::Done, "{text}");

    let router = deployed.config(Some(assume(&deployed, &deployed.router.role_arn).await));
    let place: SnapshotSource = deployed.router_snapshot.parse().unwrap();
    let opened = place.open(&router, SNAPSHOT_READ_TIMEOUT).await.unwrap();
    let acme: TenantId = "acme".parse().unwrap();
    let block = opened.index().block_of(&acme).unwrap();
    let block = opened.block(&router, &block, SNAPSHOT_READ_TIMEOUT).await.unwrap();
    assert_eq!(block.tenant(&acme).unwrap().cell_id.as_str(), "alpha");

    let empty = Arc::new(Draft::new(1).encode(&[].into()).unwrap());
    assert_eq!(refused(place.write(&router, &empty).await), 403);
    let other: SnapshotSource = format!("{}.old", deployed.router_snapshot).parse().unwrap();
    other.write(&deployed.config(None), &empty).await.unwrap();
    assert_eq!(refused(other.open(&router, SNAPSHOT_READ_TIMEOUT).await), 403);
}

//! Files, and the places that a snapshot may have.

use aws_types::SdkConfig;
use cellstack_core::snapshot::Snapshot;
use cellstack_core::{CellId, Epoch, TenantRoute};

use super::*;

/// Returns a snapshot of this many tenants.
pub(super) fn snapshot(tenants: u64) -> Snapshot {
    let cell: CellId = "alpha".parse().unwrap();
    let route = |at| {
        let tenant: cellstack_core::TenantId = format!("tenant-{at:05}").parse().unwrap();
        (tenant.clone(), TenantRoute { epoch: Epoch(at), ..TenantRoute::first(tenant, cell.clone()) })
    };
    Snapshot { taken_at_ms: 1_767_225_600_000, tenants: (0..tenants).map(route).collect(), ..Snapshot::default() }
}

#[tokio::test]
async fn a_file_is_replaced_whole_and_one_that_is_not_there_is_missing() {
    let directory = std::env::temp_dir().join(format!("cellstack-snapshot-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let source: SnapshotSource = format!("file://{}", directory.join("map").display()).parse().unwrap();
    let config = SdkConfig::builder().build();
    assert!(matches!(source.read(&config).await, Err(SnapshotError::Missing)));
    for tenants in [50, 3] {
        source.write(&config, &snapshot(tenants)).await.unwrap();
        assert_eq!(source.read(&config).await.unwrap(), snapshot(tenants));
    }
    let left: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["map"]);
    std::fs::remove_dir_all(&directory).unwrap();
    let error = source.write(&config, &snapshot(1)).await.unwrap_err();
    assert!(matches!(error, SnapshotError::File(_)), "{error:?}");
}

#[test]
fn a_place_reads_back_as_it_is_written() {
    for text in ["file:///tmp/map", "s3://bucket/key", "s3://my.bucket-1/a/b c/ü.json"] {
        let source: SnapshotSource = text.parse().unwrap();
        assert_eq!(source.to_string(), text);
    }
    for text in [
        "",
        "map",
        "/tmp/map",
        "file://tmp/map",
        "file:///",
        "file:///tmp/",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "s3://Bucket/key",
        "s3://evil.example#/key",
        "s3://a@evil/key",
        "s3://-bucket/key",
        "https://bucket/key",
    ] {
        let error = text.parse::<SnapshotSource>().unwrap_err();
        assert_eq!(error, format!("expected file:///path or s3://bucket/key, found '{text}'"));
    }
}

//! Files, and the places that a snapshot may have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_core::snapshot::{Draft, Encoded, InvalidSnapshot};
use cellstack_core::{CellId, Epoch, TenantId, TenantRoute};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn tenant(at: u64) -> TenantId {
    format!("tenant-{at:05}").parse().unwrap()
}

/// Returns the entries of this many tenants.
pub(super) fn routes(tenants: u64) -> Vec<TenantRoute> {
    let cell: CellId = "alpha".parse().unwrap();
    (0..tenants).map(|at| TenantRoute { epoch: Epoch(at), ..TenantRoute::first(tenant(at), cell.clone()) }).collect()
}

/// Returns the snapshot of this many tenants.
pub(super) fn encoded(tenants: u64) -> Encoded {
    let mut draft = Draft::new(1_767_225_600_000);
    routes(tenants).iter().for_each(|route| draft.insert(route).unwrap());
    draft.encode(&[].into()).unwrap()
}

pub(super) fn bytes(tenants: u64) -> Vec<u8> {
    encoded(tenants).pieces().collect::<Vec<_>>().concat()
}

/// A directory of a test, removed with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("cellstack-snapshot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn source(&self) -> SnapshotSource {
        SnapshotSource::File(self.0.join("map"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn nowhere() -> SdkConfig {
    SdkConfig::builder().build()
}

/// Reads all tenants of a place.
async fn read(source: &SnapshotSource) -> Result<Vec<TenantRoute>, SnapshotError> {
    let opened = source.open(&nowhere(), TIMEOUT).await?;
    let mut routes = Vec::new();
    opened.check(&nowhere(), TIMEOUT, |route| routes.push(route.clone())).await?;
    Ok(routes)
}

#[tokio::test]
async fn a_file_is_replaced_whole_and_one_that_is_not_there_is_missing() {
    let directory = Directory::new("whole");
    let source = directory.source();
    assert!(matches!(read(&source).await, Err(SnapshotError::Missing)));
    assert!(matches!(source.header(&nowhere(), TIMEOUT).await, Err(SnapshotError::Missing)));
    for tenants in [5_000, 3] {
        source.write(&nowhere(), &Arc::new(encoded(tenants))).await.unwrap();
        assert_eq!(read(&source).await.unwrap(), routes(tenants));
        assert_eq!(source.header(&nowhere(), TIMEOUT).await.unwrap(), *encoded(tenants).header());
    }
    let left: Vec<_> = std::fs::read_dir(&directory.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["map"]);
    std::fs::remove_dir_all(&directory.0).unwrap();
    let error = source.write(&nowhere(), &Arc::new(encoded(1))).await.unwrap_err();
    assert!(matches!(error, SnapshotError::File(_)), "{error:?}");
}

#[tokio::test]
async fn an_open_file_keeps_its_bytes_when_a_writer_replaces_it() {
    let directory = Directory::new("replaced");
    let source = directory.source();
    source.write(&nowhere(), &Arc::new(encoded(5_000))).await.unwrap();
    let opened = source.open(&nowhere(), TIMEOUT).await.unwrap();
    source.write(&nowhere(), &Arc::new(encoded(3))).await.unwrap();
    let block = opened.index().block_of(&tenant(4_999)).unwrap();
    let block = opened.block(&nowhere(), &block, TIMEOUT).await.unwrap();
    assert_eq!(block.tenant(&tenant(4_999)), Some(&routes(5_000)[4_999]));
}

#[tokio::test]
async fn a_block_that_was_edited_fails_alone_and_the_check_finds_it() {
    let directory = Directory::new("edited");
    let source = directory.source();
    let mut object = bytes(5_000);
    let at = object.windows(12).rposition(|window| window == b"tenant-04999").unwrap() + 11;
    object[at] = b'8';
    std::fs::write(directory.0.join("map"), &object).unwrap();
    let opened = source.open(&nowhere(), TIMEOUT).await.unwrap();
    let first = opened.index().blocks().next().unwrap();
    assert!(opened.block(&nowhere(), &first, TIMEOUT).await.is_ok());
    let last = opened.index().blocks().last().unwrap();
    for error in [opened.block(&nowhere(), &last, TIMEOUT).await.unwrap_err(), read(&source).await.unwrap_err()] {
        assert!(matches!(error, SnapshotError::Invalid(InvalidSnapshot::Hash { .. })), "{error:?}");
    }
    // Written over in place, the file ends before the block.
    std::fs::write(directory.0.join("map"), &object[..1_000]).unwrap();
    let error = opened.block(&nowhere(), &last, TIMEOUT).await.unwrap_err();
    assert!(error.to_string().contains("found the end of the file before them"), "{error}");
}

#[tokio::test]
async fn the_check_counts_what_the_first_line_says() {
    let directory = Directory::new("counts");
    let text = String::from_utf8(bytes(3)).unwrap();
    for (from, to, what) in
        [("\"tenants\":3", "\"tenants\":4", "tenants 4"), ("\"epoch\":2", "\"epoch\":9", "epoch of 9")]
    {
        std::fs::write(directory.0.join("map"), text.replacen(from, to, 1)).unwrap();
        let error = read(&directory.source()).await.unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("as the first line says"), "{error}");
    }
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

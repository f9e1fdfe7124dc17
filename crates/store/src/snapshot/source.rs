//! The place of a snapshot.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_aws::fetch::FetchError;
use cellstack_core::limits::{SNAPSHOT_FIRST_READ, SNAPSHOT_HEADER_MAX, SNAPSHOT_READ_TIMEOUT, SNAPSHOT_WRITE_RATE};
use cellstack_core::snapshot::{Encoded, Header};

use super::open::Object;
use super::{OpenSnapshot, SnapshotError, file, s3};

/// The place of a snapshot: `file:///path` or `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotSource {
    /// A file of a function's image or layer, or of a test.
    File(PathBuf),
    /// An S3 object.
    S3 {
        /// The bucket, in the configuration's Region.
        bucket: String,
        /// The key.
        key: String,
    },
}

impl SnapshotSource {
    /// Reads the snapshot's first line and its index, within `timeout`.
    ///
    /// # Errors
    /// When there is no snapshot, or it can't be read, or its beginning is not as its writer wrote it.
    pub async fn open(&self, config: &SdkConfig, timeout: Duration) -> Result<OpenSnapshot, SnapshotError> {
        within(timeout, async {
            let first = SNAPSHOT_FIRST_READ as u64;
            let object = Object::open(self, config, first, timeout).await?;
            match OpenSnapshot::of(object, config, timeout).await {
                Err(SnapshotError::Replaced) => {
                    OpenSnapshot::of(Object::open(self, config, first, timeout).await?, config, timeout).await
                }
                opened => opened,
            }
        })
        .await
    }

    /// Reads the snapshot's first line and nothing else, within `timeout`.
    ///
    /// # Errors
    /// When there is no snapshot, or it can't be read, or its first line is another object's.
    pub async fn header(&self, config: &SdkConfig, timeout: Duration) -> Result<Header, SnapshotError> {
        let first = Object::open(self, config, SNAPSHOT_HEADER_MAX as u64, timeout);
        let (_, _, bytes) = within(timeout, first).await?;
        Ok(Header::read(&bytes)?.0)
    }

    /// Writes the snapshot in place of an earlier one. Readers see the old one or the new one, never a part. It may take
    /// [`SNAPSHOT_READ_TIMEOUT`], and longer the larger it is ([`SNAPSHOT_WRITE_RATE`]).
    ///
    /// # Errors
    /// When the snapshot can't be written.
    pub async fn write(&self, config: &SdkConfig, snapshot: &Arc<Encoded>) -> Result<(), SnapshotError> {
        match self {
            Self::File(path) => file::write(path, snapshot),
            Self::S3 { bucket, key } => {
                let timeout = SNAPSHOT_READ_TIMEOUT + Duration::from_secs(snapshot.size() / SNAPSHOT_WRITE_RATE);
                s3::put(config, bucket, key, snapshot, timeout).await
            }
        }
    }
}

/// Bounds the time of several calls together. A file's calls block, so time ends none of them.
async fn within<T>(
    timeout: Duration,
    calls: impl Future<Output = Result<T, SnapshotError>>,
) -> Result<T, SnapshotError> {
    tokio::time::timeout(timeout, calls).await.unwrap_or(Err(SnapshotError::S3(FetchError::Timeout(timeout))))
}

impl FromStr for SnapshotSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected file:///path or s3://bucket/key, found '{text}'");
        if let Some(path) = text.strip_prefix("file://") {
            return if path.starts_with('/') && !path.ends_with('/') {
                Ok(Self::File(path.into()))
            } else {
                Err(expected())
            };
        }
        let place = text.strip_prefix("s3://").and_then(|place| place.split_once('/'));
        let (bucket, key) = place.filter(|(bucket, key)| is_bucket(bucket) && !key.is_empty()).ok_or_else(expected)?;
        Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// Returns whether a name is a bucket's. The name becomes part of a host name, so an attacker must not choose it freely
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
fn is_bucket(name: &str) -> bool {
    matches!(name.len(), 3..=63)
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
}

impl fmt::Display for SnapshotSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

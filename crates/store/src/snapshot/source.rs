//! The place of a snapshot.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_core::limits::{SNAPSHOT_MAX, SNAPSHOT_TIMEOUT, SNAPSHOT_WRITE_TIMEOUT};
use cellstack_core::snapshot::{InvalidSnapshot, Snapshot};

use super::{SnapshotError, s3};

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
    /// Reads the snapshot, within [`SNAPSHOT_TIMEOUT`].
    ///
    /// # Errors
    /// When there is no snapshot, or it can't be read, or it is not as its writer wrote it.
    pub async fn read(&self, config: &SdkConfig) -> Result<Snapshot, SnapshotError> {
        self.read_within(config, SNAPSHOT_TIMEOUT).await
    }

    /// Reads the snapshot as [`SnapshotSource::read`] does, within another time.
    ///
    /// # Errors
    /// As [`SnapshotSource::read`].
    pub async fn read_within(&self, config: &SdkConfig, timeout: Duration) -> Result<Snapshot, SnapshotError> {
        let bytes = match self {
            Self::File(path) => read_file(path)?,
            Self::S3 { bucket, key } => s3::get(config, bucket, key, timeout).await?,
        };
        Ok(Snapshot::decode(&bytes)?)
    }

    /// Writes the snapshot in place of an earlier one. Readers see the old one or the new one, never a part.
    ///
    /// # Errors
    /// When the snapshot is too large, or can't be written.
    pub async fn write(&self, config: &SdkConfig, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let bytes = snapshot.encode();
        if bytes.len() > SNAPSHOT_MAX {
            return Err(InvalidSnapshot::TooLarge.into());
        }
        match self {
            Self::File(path) => write_file(path, &bytes).map_err(SnapshotError::File),
            Self::S3 { bucket, key } => s3::put(config, bucket, key, bytes, SNAPSHOT_WRITE_TIMEOUT).await,
        }
    }
}

/// Reads a file. It blocks for as long as a disk takes for a few megabytes.
fn read_file(path: &Path) -> Result<Vec<u8>, SnapshotError> {
    let read = std::fs::metadata(path).and_then(|metadata| {
        if metadata.len() > SNAPSHOT_MAX as u64 { Ok(None) } else { std::fs::read(path).map(Some) }
    });
    match read {
        Ok(bytes) => bytes.ok_or_else(|| InvalidSnapshot::TooLarge.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SnapshotError::Missing),
        Err(error) => Err(SnapshotError::File(error)),
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(&part, path)
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

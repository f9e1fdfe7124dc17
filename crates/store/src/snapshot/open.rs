//! A snapshot whose index was read, and whose blocks are read as they are needed.

use std::fs::File;
use std::ops::Range;
use std::time::Duration;

use aws_types::SdkConfig;
use cellstack_core::limits::SNAPSHOT_CHECK_READ;
use cellstack_core::snapshot::{Beginning, Block, BlockRef, Index, InvalidSnapshot};
use cellstack_core::{Epoch, TenantRoute};

use super::{SnapshotError, SnapshotSource, file, s3};

/// An open snapshot. All of its parts are of one object, even if a writer has replaced it since.
#[derive(Debug)]
pub struct OpenSnapshot {
    index: Index,
    object: Object,
}

/// An object that is read in parts.
#[derive(Debug)]
pub(super) enum Object {
    File(File),
    S3 {
        bucket: String,
        key: String,
        /// The version of the object that was opened.
        etag: String,
    },
}

impl Object {
    /// Opens the object of a place. Returns it with its size and its first bytes: `first` of them, or all there are.
    pub(super) async fn open(
        source: &SnapshotSource,
        config: &SdkConfig,
        first: u64,
        timeout: Duration,
    ) -> Result<(Self, u64, Vec<u8>), SnapshotError> {
        match source {
            SnapshotSource::File(path) => {
                let (file, size) = file::open(path)?;
                let bytes = file::read(&file, &(0..first.min(size)))?;
                Ok((Self::File(file), size, bytes))
            }
            SnapshotSource::S3 { bucket, key } => {
                let s3::Part { etag, size, bytes } = s3::get(config, bucket, key, &(0..first), None, timeout).await?;
                Ok((Self::S3 { bucket: bucket.clone(), key: key.clone(), etag }, size, bytes))
            }
        }
    }

    async fn read(&self, config: &SdkConfig, part: &Range<u64>, timeout: Duration) -> Result<Vec<u8>, SnapshotError> {
        let bytes = match self {
            Self::File(file) => file::read(file, part)?,
            Self::S3 { bucket, key, etag } => s3::get(config, bucket, key, part, Some(etag), timeout).await?.bytes,
        };
        if bytes.len() as u64 != part.end.saturating_sub(part.start) {
            return Err(SnapshotError::part(part, format!("{} bytes", bytes.len())));
        }
        Ok(bytes)
    }
}

impl OpenSnapshot {
    /// Reads the index behind the object's first bytes: from them, if they have all of it.
    pub(super) async fn of(
        (object, size, first): (Object, u64, Vec<u8>),
        config: &SdkConfig,
        timeout: Duration,
    ) -> Result<Self, SnapshotError> {
        let beginning = Beginning::read(&first, size)?;
        let place = beginning.index();
        let read = first.len() as u64;
        let mut bytes = first;
        if read < place.end {
            bytes.extend_from_slice(&object.read(config, &(read..place.end), timeout).await?);
        }
        let index = beginning.open(part(&bytes, &place))?;
        Ok(Self { index, object })
    }

    /// Returns the index.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Reads one of the index's blocks.
    ///
    /// # Errors
    /// When it can't be read, is not as its writer wrote it, or the object was replaced.
    pub async fn block(
        &self,
        config: &SdkConfig,
        block: &BlockRef<'_>,
        timeout: Duration,
    ) -> Result<Block, SnapshotError> {
        Ok(block.decode(&self.object.read(config, &block.place(), timeout).await?)?)
    }

    /// Checks the whole object, and passes on each tenant's entry. It reads and holds [`SNAPSHOT_CHECK_READ`] bytes at
    /// once, each time within `timeout`.
    ///
    /// # Errors
    /// As [`OpenSnapshot::block`], or when the blocks have other tenants than the first line says.
    pub async fn check(
        &self,
        config: &SdkConfig,
        timeout: Duration,
        mut each: impl FnMut(&TenantRoute),
    ) -> Result<(), SnapshotError> {
        let (mut tenants, mut epoch) = (0, Epoch(0));
        let mut blocks = self.index.blocks().peekable();
        while let Some(first) = blocks.next() {
            let (start, mut end) = (first.place().start, first.place().end);
            let mut together = vec![first];
            while let Some(block) = blocks.next_if(|block| block.place().end - start <= SNAPSHOT_CHECK_READ) {
                end = block.place().end;
                together.push(block);
            }
            let bytes = self.object.read(config, &(start..end), timeout).await?;
            for block in together {
                let place = block.place();
                for route in block.decode(part(&bytes, &(place.start - start..place.end - start)))?.routes() {
                    (tenants, epoch) = (tenants + 1, epoch.max(route.epoch));
                    each(route);
                }
            }
        }
        let header = self.index.header();
        agrees("tenants", header.tenants, tenants)?;
        agrees("a largest epoch of", header.epoch.0, epoch.0)
    }
}

/// Returns a part of bytes; nothing if they do not have it.
fn part<'a>(bytes: &'a [u8], part: &Range<u64>) -> &'a [u8] {
    let end = |end| usize::try_from(end).unwrap_or(usize::MAX);
    bytes.get(end(part.start)..end(part.end)).unwrap_or_default()
}

fn agrees(what: &'static str, expected: u64, found: u64) -> Result<(), SnapshotError> {
    if expected == found { Ok(()) } else { Err(InvalidSnapshot::Mismatch { what, expected, found }.into()) }
}

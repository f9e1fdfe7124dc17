//! The index of a snapshot: its cells, and the place of each block.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::block::ascending;
use super::error::{agrees, fits, unreadable};
use super::{Block, Header, InvalidSnapshot};
use crate::hex::{digest, hex, sha256};
use crate::limits::{SNAPSHOT_BLOCK, SNAPSHOT_INDEX_MAX};
use crate::registry::CellRecord;
use crate::{CellId, TenantId};

/// The SHA-256 of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub(super) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn hex(self) -> String {
        hex(self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let bytes = digest(text).ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

/// The index as its writer has it: cells, then first tenant, length and hash of each block.
#[derive(Serialize)]
pub(super) struct WrittenIndex<'a> {
    pub(super) cells: &'a BTreeMap<CellId, CellRecord>,
    pub(super) blocks: Vec<(&'a str, usize, Digest)>,
}

#[derive(Deserialize)]
struct ReadIndex {
    cells: BTreeMap<CellId, CellRecord>,
    blocks: Vec<(TenantId, u64, Digest)>,
}

/// A snapshot's first line, in an object of known size.
#[derive(Debug, Clone)]
pub struct Beginning {
    header: Header,
    index: Range<u64>,
    size: u64,
}

impl Beginning {
    /// Reads the first line from the beginning of an object that has `size` bytes.
    ///
    /// # Errors
    /// When the object is something else, was cut off, or has a larger index than it may have.
    pub fn read(bytes: &[u8], size: u64) -> Result<Self, InvalidSnapshot> {
        let (header, line) = Header::read(bytes)?;
        fits("an index", header.index_bytes, SNAPSHOT_INDEX_MAX as u64)?;
        let start = line as u64;
        let index = start..start + header.index_bytes;
        if index.end > size {
            return Err(InvalidSnapshot::Size { expected: index.end, found: size });
        }
        Ok(Self { header, index, size })
    }

    /// Returns the place of the index in the object.
    #[must_use]
    pub fn index(&self) -> Range<u64> {
        self.index.clone()
    }

    /// Reads the index from its bytes.
    ///
    /// # Errors
    /// When the bytes are not those that the writer wrote, or name other blocks than the object has.
    pub fn open(self, index: &[u8]) -> Result<Index, InvalidSnapshot> {
        let Self { header, index: place, size } = self;
        let found = sha256(index);
        if found != header.sha256 {
            return Err(InvalidSnapshot::Hash { part: "an index".to_owned(), expected: header.sha256, found });
        }
        let ReadIndex { cells, blocks } = serde_json::from_slice(index).map_err(unreadable)?;
        agrees("cells", header.cells, cells.len() as u64)?;
        agrees("blocks", header.blocks, blocks.len() as u64)?;
        let mut end = place.end;
        let mut placed: Vec<Entry> = Vec::with_capacity(blocks.len());
        for (first, length, sha256) in blocks {
            let entry = Entry::after(placed.last(), first, end, length, sha256)?;
            end = entry.place.end;
            placed.push(entry);
        }
        if end != size {
            return Err(InvalidSnapshot::Size { expected: end, found: size });
        }
        Ok(Index { header, cells, blocks: placed })
    }
}

/// A block, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    first: TenantId,
    place: Range<u64>,
    sha256: Digest,
}

impl Entry {
    /// Returns the block that begins at `start`, behind the block `before`.
    fn after(
        before: Option<&Self>,
        first: TenantId,
        start: u64,
        length: u64,
        sha256: Digest,
    ) -> Result<Self, InvalidSnapshot> {
        if let Some(before) = before {
            ascending(&before.first, &first)?;
        }
        fits("a block", length, SNAPSHOT_BLOCK as u64)?;
        let end = start.checked_add(length).filter(|end| *end > start);
        let end = end.ok_or_else(|| unreadable(format_args!("the block of {first} has {length} bytes")))?;
        Ok(Self { first, place: start..end, sha256 })
    }
}

/// The index of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    header: Header,
    cells: BTreeMap<CellId, CellRecord>,
    blocks: Vec<Entry>,
}

impl Index {
    /// Returns the first line.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the registry's cells.
    #[must_use]
    pub const fn cells(&self) -> &BTreeMap<CellId, CellRecord> {
        &self.cells
    }

    /// Returns the blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = BlockRef<'_>> {
        (0..self.blocks.len()).filter_map(|number| self.block(number))
    }

    /// Returns the block that has the tenant, if the snapshot does. `None` proves nothing: the tenant may have been placed
    /// since.
    #[must_use]
    pub fn block_of(&self, tenant: &TenantId) -> Option<BlockRef<'_>> {
        let behind = self.blocks.partition_point(|entry| entry.first <= *tenant);
        self.block(behind.checked_sub(1)?)
    }

    fn block(&self, number: usize) -> Option<BlockRef<'_>> {
        let entry = self.blocks.get(number)?;
        let next = self.blocks.get(number + 1).map(|next| &next.first);
        Some(BlockRef { index: self, entry, next })
    }
}

/// A block of a snapshot that is not read yet.
#[derive(Debug, Clone, Copy)]
pub struct BlockRef<'a> {
    index: &'a Index,
    entry: &'a Entry,
    next: Option<&'a TenantId>,
}

impl BlockRef<'_> {
    /// Returns the block's place in the object.
    #[must_use]
    pub fn place(&self) -> Range<u64> {
        self.entry.place.clone()
    }

    /// Returns the block's hash. Blocks with one hash have the same tenants, in any snapshot.
    #[must_use]
    pub const fn sha256(&self) -> Digest {
        self.entry.sha256
    }

    /// Reads the block from its bytes.
    ///
    /// # Errors
    /// When the bytes are not those that the writer wrote, or are another block's.
    pub fn decode(&self, bytes: &[u8]) -> Result<Block, InvalidSnapshot> {
        let (expected, found) = (self.sha256().hex(), sha256(bytes));
        if found != expected {
            return Err(InvalidSnapshot::Hash { part: format!("a block of {}", self.entry.first), expected, found });
        }
        Block::parse(bytes, &self.index.cells, &self.entry.first, self.next)
    }
}

//! A snapshot as the bytes of its object, in pieces: no more than one block of it is there twice.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::draft::Lines;
use super::error::{InvalidSnapshot, fits, unreadable};
use super::header::{FORMAT, Header};
use super::index::{Digest, WrittenIndex};
use crate::hex::{hex, sha256};
use crate::limits::{SNAPSHOT_BLOCK, SNAPSHOT_INDEX_MAX, SNAPSHOT_MAX};
use crate::registry::CellRecord;
use crate::{CellId, Epoch};

/// A snapshot that can be written.
#[derive(Debug)]
pub struct Encoded {
    header: Header,
    /// The first line and the index.
    head: Vec<u8>,
    lines: Lines,
    /// The lines of each block.
    blocks: Vec<Range<usize>>,
    size: u64,
}

impl Encoded {
    pub(super) fn new(
        taken_at: u64,
        epoch: Epoch,
        cells: &BTreeMap<CellId, CellRecord>,
        lines: Lines,
    ) -> Result<Self, InvalidSnapshot> {
        let blocks = cut(&lines);
        let index = index(cells, &lines, &blocks)?;
        fits("an index", index.len() as u64, SNAPSHOT_INDEX_MAX as u64)?;
        let header = Header {
            format: FORMAT.to_owned(),
            taken_at,
            tenants: lines.order().len() as u64,
            cells: cells.len() as u64,
            epoch,
            blocks: blocks.len() as u64,
            index_bytes: index.len() as u64,
            sha256: sha256(&index),
        };
        let mut head = header.line()?;
        head.extend_from_slice(&index);
        let size = lines.order().iter().fold(head.len() as u64, |size, line| size + line.len() as u64);
        fits("a snapshot", size, SNAPSHOT_MAX)?;
        Ok(Self { header, head, lines, blocks, size })
    }

    /// Returns the first line.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the number of the object's bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns a piece of the object: first line and index, then each block. `None` behind the last.
    #[must_use]
    pub fn piece(&self, number: usize) -> Option<Vec<u8>> {
        match number.checked_sub(1) {
            None => Some(self.head.clone()),
            Some(block) => self.blocks.get(block).map(|block| bytes(&self.lines, block)),
        }
    }

    /// Returns the pieces in order: together they are the object.
    pub fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        (0..).map_while(|number| self.piece(number))
    }

    /// Returns the SHA-256 of the whole object in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        self.pieces().for_each(|piece| hash.update(piece));
        hex(hash.finalize())
    }
}

/// Cuts the lines into blocks, each as large as it may be.
fn cut(lines: &Lines) -> Vec<Range<usize>> {
    let (mut blocks, mut start, mut size) = (Vec::new(), 0, 0);
    for (at, line) in lines.order().iter().enumerate() {
        if size + line.len() > SNAPSHOT_BLOCK {
            blocks.push(start..at);
            (start, size) = (at, 0);
        }
        size += line.len();
    }
    if start < lines.order().len() {
        blocks.push(start..lines.order().len());
    }
    blocks
}

fn index(
    cells: &BTreeMap<CellId, CellRecord>,
    lines: &Lines,
    blocks: &[Range<usize>],
) -> Result<Vec<u8>, InvalidSnapshot> {
    let entry = |block: &Range<usize>| {
        let first = lines.order().get(block.start).map_or("", |line| lines.id(*line));
        let bytes = bytes(lines, block);
        (first, bytes.len(), Digest::new(Sha256::digest(bytes).into()))
    };
    let blocks = blocks.iter().map(entry).collect();
    let mut index = serde_json::to_vec(&WrittenIndex { cells, blocks }).map_err(unreadable)?;
    index.push(b'\n');
    Ok(index)
}

fn bytes(lines: &Lines, block: &Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SNAPSHOT_BLOCK);
    for line in lines.order().get(block.clone()).unwrap_or_default() {
        bytes.extend_from_slice(lines.bytes(*line));
    }
    bytes
}

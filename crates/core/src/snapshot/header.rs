//! The first line of a snapshot.

use serde::{Deserialize, Serialize};

use super::InvalidSnapshot;
use crate::Epoch;
use crate::limits::SNAPSHOT_HEADER_MAX;
use crate::text::excerpt;

/// Name and version of the format.
pub const FORMAT: &str = "cellstack-snapshot/2";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format, [`FORMAT`].
    pub format: String,
    /// The time when the read of the map began, in milliseconds since the Unix epoch.
    pub taken_at: u64,
    /// The number of tenants.
    pub tenants: u64,
    /// The number of cells.
    pub cells: u64,
    /// The largest epoch of all tenants; 0 without any.
    pub epoch: Epoch,
    /// The number of blocks.
    pub blocks: u64,
    /// The bytes of the index, which is the second line, its end included.
    pub index_bytes: u64,
    /// The SHA-256 of the index, in hexadecimal. The index has those of the blocks.
    pub sha256: String,
}

impl Header {
    /// Reads the first line from a snapshot's beginning. Returns it with the number of its bytes, its end included.
    ///
    /// # Errors
    /// When the bytes are the beginning of something else.
    pub fn read(beginning: &[u8]) -> Result<(Self, usize), InvalidSnapshot> {
        let searched = &beginning[..beginning.len().min(SNAPSHOT_HEADER_MAX)];
        let line = searched.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok((parse(line)?, line.len() + 1))
    }

    /// Returns the line.
    pub(super) fn line(&self) -> Result<Vec<u8>, InvalidSnapshot> {
        let mut line = serde_json::to_vec(self).map_err(super::error::unreadable)?;
        line.push(b'\n');
        Ok(line)
    }
}

fn parse(line: &[u8]) -> Result<Header, InvalidSnapshot> {
    #[derive(Deserialize)]
    struct Named {
        format: String,
    }
    let foreign = |error: serde_json::Error| {
        let excerpt = excerpt(&String::from_utf8_lossy(line));
        InvalidSnapshot::Foreign(format!("'{excerpt}' ({error})"))
    };
    let named: Named = serde_json::from_slice(line).map_err(foreign)?;
    if named.format != FORMAT {
        return Err(InvalidSnapshot::Foreign(format!("the format '{}'", excerpt(&named.format))));
    }
    serde_json::from_slice(line).map_err(foreign)
}

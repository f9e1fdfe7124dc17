//! The snapshot as bytes: one line that describes the rest, then JSON, compact and in order, so that equal snapshots
//! are equal bytes.
//!
//! ```text
//! {"format":"cellstack-snapshot/1","taken_at":1767225600000,"tenants":2,"cells":1,"epoch":3,"sha256":"…"}
//! {"cells":{"alpha":{"table":"cellstack-cell-alpha","status":"active"}},"tenants":{"acme":["alpha",3,"active",null],…}}
//! ```

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{InvalidSnapshot, Snapshot};
use crate::hex::sha256;
use crate::limits::SNAPSHOT_MAX;
use crate::registry::CellRecord;
use crate::text::excerpt;
use crate::{CellId, Epoch, RouteState, TenantId, TenantRoute};

/// Name and version of the format.
pub const FORMAT: &str = "cellstack-snapshot/1";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format, [`FORMAT`].
    pub format: String,
    /// The time of [`Snapshot::taken_at_ms`].
    pub taken_at: u64,
    /// The number of tenants.
    pub tenants: u64,
    /// The number of cells.
    pub cells: u64,
    /// The largest epoch, [`Snapshot::epoch`].
    pub epoch: Epoch,
    /// The SHA-256 of everything after the first line, in hexadecimal.
    pub sha256: String,
}

/// A tenant's entry: cell, epoch, state, standby cell.
type Row<C> = (C, Epoch, RouteState, Option<C>);

#[derive(Serialize)]
struct Written<'a> {
    cells: BTreeMap<&'a CellId, &'a CellRecord>,
    tenants: BTreeMap<&'a TenantId, Row<&'a CellId>>,
}

#[derive(Deserialize)]
struct Read {
    cells: HashMap<CellId, CellRecord>,
    tenants: HashMap<TenantId, Row<CellId>>,
}

impl Snapshot {
    /// Returns the snapshot as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let content = self.content();
        // A struct of strings and numbers always serialises.
        let mut bytes = serde_json::to_vec(&self.header_of(&content)).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(&content);
        bytes
    }

    /// Returns the first line of [`Snapshot::encode`].
    #[must_use]
    pub fn header(&self) -> Header {
        self.header_of(&self.content())
    }

    fn header_of(&self, content: &[u8]) -> Header {
        Header {
            format: FORMAT.to_owned(),
            taken_at: self.taken_at_ms,
            tenants: self.tenants.len() as u64,
            cells: self.cells.len() as u64,
            epoch: self.epoch(),
            sha256: sha256(content),
        }
    }

    fn content(&self) -> Vec<u8> {
        let content = Written {
            cells: self.cells.iter().collect(),
            tenants: self.tenants.iter().map(|(tenant, route)| (tenant, row(route))).collect(),
        };
        // Maps of texts and numbers whose keys are texts always serialise.
        serde_json::to_vec(&content).unwrap_or_default()
    }

    /// Reads a snapshot from bytes.
    ///
    /// # Errors
    /// When [`Snapshot::encode`] did not make the bytes: they were cut off or edited, or are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidSnapshot> {
        if bytes.len() > SNAPSHOT_MAX {
            return Err(InvalidSnapshot::TooLarge);
        }
        let (first, content) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (bytes, &[][..]),
        };
        let header = header(first)?;
        let found = sha256(content);
        if found != header.sha256 {
            return Err(InvalidSnapshot::Hash { expected: header.sha256, found });
        }
        let read: Read =
            serde_json::from_slice(content).map_err(|error| InvalidSnapshot::Content(error.to_string()))?;
        let snapshot = read.into_snapshot(header.taken_at);
        agrees("tenants", header.tenants, snapshot.tenants.len() as u64)?;
        agrees("cells", header.cells, snapshot.cells.len() as u64)?;
        agrees("a largest epoch of", header.epoch.0, snapshot.epoch().0)?;
        Ok(snapshot)
    }
}

impl Read {
    fn into_snapshot(self, taken_at_ms: u64) -> Snapshot {
        let Self { cells, tenants } = self;
        // All tenants of a cell share one copy of its name.
        let shared = |cell: CellId| cells.get_key_value(&cell).map_or(cell, |(known, _)| known.clone());
        let route = |(tenant_id, (cell, epoch, state, standby)): (TenantId, Row<CellId>)| {
            let standby_cell_id = standby.map(shared);
            (tenant_id.clone(), TenantRoute { tenant_id, cell_id: shared(cell), epoch, state, standby_cell_id })
        };
        let tenants = tenants.into_iter().map(route).collect();
        Snapshot { taken_at_ms, tenants, cells }
    }
}

/// Returns a tenant's entry. It names every field of the route: a new field needs a place here, and a new version of
/// the format.
fn row(route: &TenantRoute) -> Row<&CellId> {
    let TenantRoute { tenant_id: _, cell_id, epoch, state, standby_cell_id } = route;
    (cell_id, *epoch, *state, standby_cell_id.as_ref())
}

fn header(line: &[u8]) -> Result<Header, InvalidSnapshot> {
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
        return Err(InvalidSnapshot::Foreign(format!("the format '{}'", named.format.escape_default())));
    }
    serde_json::from_slice(line).map_err(foreign)
}

const fn agrees(what: &'static str, expected: u64, found: u64) -> Result<(), InvalidSnapshot> {
    if expected == found { Ok(()) } else { Err(InvalidSnapshot::Mismatch { what, expected, found }) }
}

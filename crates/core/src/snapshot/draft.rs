//! A snapshot in the making.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Encoded;
use super::block::row;
use super::error::{InvalidSnapshot, fits, unreadable};
use crate::limits::SNAPSHOT_MAX;
use crate::registry::CellRecord;
use crate::{CellId, Epoch, TenantRoute};

/// The tenants of a snapshot, in the order in which the map is read. Each takes the bytes of its line and eight more, so
/// that a map of millions fits into memory.
#[derive(Debug)]
pub struct Draft {
    taken_at_ms: u64,
    epoch: Epoch,
    lines: Lines,
}

/// The tenants' lines, and the order in which they are to be read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    order: Vec<Line>,
}

/// The place of a line in the text, and the length of the tenant's id in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    at: u32,
    length: u16,
    id: u8,
}

/// The bytes of a line before the tenant's id. No character of an id has an escape in JSON.
const BEFORE_ID: usize = r#"[""#.len();

impl Draft {
    /// Begins a snapshot. The read of the map begins at `taken_at_ms`, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(taken_at_ms: u64) -> Self {
        Self { taken_at_ms, epoch: Epoch(0), lines: Lines::default() }
    }

    /// Adds an entry of the map.
    ///
    /// # Errors
    /// When the snapshot would be larger than it may be.
    pub fn insert(&mut self, route: &TenantRoute) -> Result<(), InvalidSnapshot> {
        self.lines.push(route)?;
        self.epoch = self.epoch.max(route.epoch);
        Ok(())
    }

    /// Returns the snapshot of the tenants that were added, and of these cells.
    ///
    /// # Errors
    /// When a tenant was added twice, or the snapshot is larger than it may be.
    pub fn encode(self, cells: &BTreeMap<CellId, CellRecord>) -> Result<Encoded, InvalidSnapshot> {
        let Self { taken_at_ms, epoch, mut lines } = self;
        lines.sort()?;
        Encoded::new(taken_at_ms, epoch, cells, lines)
    }
}

impl Lines {
    fn push(&mut self, route: &TenantRoute) -> Result<(), InvalidSnapshot> {
        let at = self.text.len();
        serde_json::to_writer(&mut self.text, &row(route)).map_err(unreadable)?;
        self.text.push(b'\n');
        fits("a snapshot", self.text.len() as u64, SNAPSHOT_MAX)?;
        let too_long = |_| unreadable(format_args!("the line of {} is too long", route.tenant_id));
        let line = Line {
            at: u32::try_from(at).map_err(too_long)?,
            length: u16::try_from(self.text.len() - at).map_err(too_long)?,
            id: u8::try_from(route.tenant_id.as_str().len()).map_err(too_long)?,
        };
        self.order.push(line);
        Ok(())
    }

    fn sort(&mut self) -> Result<(), InvalidSnapshot> {
        let Self { text, order } = self;
        order.sort_unstable_by(|one, other| id(text, *one).cmp(id(text, *other)));
        let twice = order.windows(2).find_map(|pair| match pair {
            &[one, other] if id(text, one).cmp(id(text, other)) == Ordering::Equal => Some(one),
            _ => None,
        });
        match twice.map(|line| String::from_utf8_lossy(id(text, line)).into_owned()) {
            Some(tenant) => Err(InvalidSnapshot::Order { before: tenant.clone(), after: tenant }),
            None => Ok(()),
        }
    }

    /// Returns the lines in the order of their tenants.
    pub(super) fn order(&self) -> &[Line] {
        &self.order
    }

    /// Returns a line's tenant.
    pub(super) fn id(&self, line: Line) -> &str {
        std::str::from_utf8(id(&self.text, line)).unwrap_or_default()
    }

    /// Returns a line, its end included.
    pub(super) fn bytes(&self, line: Line) -> &[u8] {
        let at = line.at as usize;
        &self.text[at..at + line.len()]
    }
}

impl Line {
    pub(super) const fn len(self) -> usize {
        self.length as usize
    }
}

fn id(text: &[u8], line: Line) -> &[u8] {
    let at = line.at as usize + BEFORE_ID;
    &text[at..at + line.id as usize]
}

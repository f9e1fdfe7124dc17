//! Encoding, and the refusal of bytes that no writer wrote.

mod forged;
mod properties;
mod written;

use std::collections::BTreeMap;

use super::*;
use crate::registry::{CellRecord, CellStatus};
use crate::{CellId, Epoch, RouteState, TenantId, TenantRoute};

const TAKEN_AT: u64 = 1_767_225_600_000;

fn cell(id: &str) -> CellId {
    id.parse().unwrap()
}

fn tenant(id: &str) -> TenantId {
    id.parse().unwrap()
}

fn route(at: u64) -> TenantRoute {
    TenantRoute {
        tenant_id: tenant(&format!("tenant-{at:05}")),
        cell_id: cell(&format!("cell-{}", at % 7)),
        epoch: Epoch(at % 40 + 1),
        state: [RouteState::Active, RouteState::Moving, RouteState::Fenced][(at % 3) as usize],
        standby_cell_id: at.is_multiple_of(5).then(|| cell("spare")),
    }
}

fn cells() -> BTreeMap<CellId, CellRecord> {
    let record = |at: u64| {
        let table = format!("arn:aws:dynamodb:eu-central-1:123456789012:table/cellstack-cell-{at}");
        let status = if at == 3 { CellStatus::Down } else { CellStatus::Active };
        let (down_at, retry_after) = (at == 3).then_some((1_700_000_000_000, 300)).unzip();
        (cell(&format!("cell-{at}")), CellRecord { table, status, down_at, carried_down_at: None, retry_after })
    };
    (0..7).map(record).collect()
}

/// Returns a snapshot of so many tenants, added in descending order.
fn encoded(tenants: u64) -> Encoded {
    let mut draft = Draft::new(TAKEN_AT);
    for at in (0..tenants).rev() {
        draft.insert(&route(at)).unwrap();
    }
    draft.encode(&cells()).unwrap()
}

fn bytes(tenants: u64) -> Vec<u8> {
    encoded(tenants).pieces().collect::<Vec<_>>().concat()
}

/// Opens a snapshot that is there whole.
fn open(object: &[u8]) -> Result<Index, InvalidSnapshot> {
    let beginning = Beginning::read(object, object.len() as u64)?;
    let index = beginning.index();
    beginning.open(&object[index.start as usize..index.end as usize])
}

/// Reads a snapshot that is there whole, block by block.
fn read(object: &[u8]) -> Result<(Index, Vec<TenantRoute>), InvalidSnapshot> {
    let index = open(object)?;
    let mut routes = Vec::new();
    for block in index.blocks() {
        let place = block.place();
        routes.extend_from_slice(block.decode(&object[place.start as usize..place.end as usize])?.routes());
    }
    Ok((index, routes))
}

//! The mark of a cell: looked at, recorded, set on condition that it is still as it was seen.

use anyhow::{Context as _, Result};
use cellstack_core::limits::RETRY_AFTER_DOWN;
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_core::{CellId, Clock as _};
use cellstack_placement::Refusal;
use cellstack_store::cells::{Cell, Lease, Listing, Mark, StateError, mark, mark_under_lease};

use crate::audit::{self, Facts, Signature};
use crate::deployment::Deployment;

/// Returns a cell that has a state, with it.
///
/// # Errors
/// Fails if the cell is not registered, or was never bootstrapped.
pub(crate) fn stated<'a>(listing: &'a Listing, id: &CellId) -> Result<(&'a Cell, &'a CellState)> {
    let cell = listing.cell(id).ok_or_else(|| Refusal::UnknownCell { cell: id.clone() })?;
    let state = cell.state.as_ref().ok_or_else(|| Refusal::NotBootstrapped { cell: id.clone() })?;
    Ok((cell, state))
}

/// Returns the facts that a record keeps of a status.
pub(crate) fn facts(status: CellStatus) -> Facts {
    Facts::default().text("status", status.as_str())
}

/// A change of a cell's status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) cell: &'a CellId,
    /// The status that was seen.
    pub(crate) expected: CellStatus,
    /// The time of the mark that was seen.
    pub(crate) marked_at: Option<u64>,
    pub(crate) status: CellStatus,
    pub(crate) retry_after: Option<u32>,
    /// The lease under which automation decided. An operator's change has none.
    pub(crate) lease: Option<Lease>,
}

impl<'a> Change<'a> {
    /// Returns the change of a cell from the state that an operator saw.
    pub(crate) const fn new(cell: &'a CellId, seen: &CellState, status: CellStatus) -> Self {
        let (expected, marked_at) = (seen.status, seen.updated_at);
        Self { cell, expected, marked_at, status, retry_after: None, lease: None }
    }
}

/// Returns the time after which callers may try again while a cell is down, in seconds, unless an operator sets one.
pub(crate) fn retry_after_down() -> u32 {
    u32::try_from(RETRY_AFTER_DOWN.as_secs()).unwrap_or(u32::MAX)
}

/// Sets the status of a cell from the one that was seen to another, and records both. Returns the time of the mark.
pub(crate) async fn set(
    deployment: &Deployment,
    by: &Signature,
    what: &'static str,
    order: &Change<'_>,
) -> Result<u64> {
    let Change { cell, expected, status, .. } = *order;
    let record = audit::begin(deployment, by, what, cell.to_string(), facts(expected)).await?;
    let marked = change(deployment, by, order).await;
    let after = if marked.is_ok() { facts(status) } else { Facts::default() };
    let troubles: Vec<String> = marked.as_ref().err().map(ToString::to_string).into_iter().collect();
    record.end(after, Facts::default(), &troubles).await?;
    marked.with_context(|| format!("cell {cell} was not marked {}", status.as_str()))
}

/// Sets the status of a cell for a run that is on record already. Returns the time of the mark.
pub(crate) async fn change(deployment: &Deployment, by: &Signature, order: &Change<'_>) -> Result<u64, StateError> {
    let Change { cell, expected, marked_at, status, retry_after, lease } = *order;
    let (reason, operator, now_ms) = (by.reason.as_str(), by.operator.as_str(), deployment.clock.wall_ms());
    let order = Mark { expected, marked_at, status, retry_after, reason, operator, now_ms };
    let (client, registry) = (&deployment.dynamodb, deployment.registry());
    match lease {
        Some(lease) => mark_under_lease(client, &registry, cell, &order, lease).await?,
        None => mark(client, &registry, cell, &order).await?,
    }
    Ok(now_ms)
}

/// Returns the words for the person who set a state, the time and the reason.
pub(crate) fn said(state: &CellState) -> String {
    let by = state.updated_by.as_deref().unwrap_or("nobody on record");
    let at = state.updated_at.map_or_else(String::new, |at| format!(" at {}", cellstack_core::event::rfc3339(at)));
    let why = state.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    format!("by {by}{at}{why}")
}

//! The mark of a cell: looked at, recorded, set on condition that it is still as it was seen.

use anyhow::{Context as _, Result};
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_core::{CellId, Clock as _};
use cellstack_placement::Refusal;
use cellstack_store::cells::{Cell, Listing, Mark, Turn, mark, mark_in_turn};

use crate::audit::{self, Facts};
use crate::deployment::Deployment;
use crate::operator::Signature;

/// Returns a cell that has a state, with it.
///
/// # Errors
/// Fails if the cell is not registered, or was never bootstrapped.
pub(crate) fn stated<'a>(listing: &'a Listing, id: &CellId) -> Result<(&'a Cell, &'a CellState)> {
    let cell = listing.cell(id).ok_or_else(|| Refusal::UnknownCell { cell: id.clone() })?;
    let state = cell.state.as_ref().ok_or_else(|| Refusal::NotBootstrapped { cell: id.clone() })?;
    Ok((cell, state))
}

/// A change of a cell's status.
pub(crate) struct Change<'a> {
    pub(crate) cell: &'a CellId,
    /// The status that was seen.
    pub(crate) expected: CellStatus,
    pub(crate) status: CellStatus,
    pub(crate) retry_after: Option<u32>,
    /// The turn of automation in which it has to happen.
    pub(crate) turn: Option<Turn>,
}

/// Sets the status of a cell from the one that was seen to another, and records both.
pub(crate) async fn set(
    deployment: &Deployment,
    by: &Signature,
    what: &'static str,
    (cell, expected): (&CellId, CellStatus),
    status: CellStatus,
    retry_after: Option<u32>,
) -> Result<()> {
    change(deployment, by, what, &Change { cell, expected, status, retry_after, turn: None }).await
}

/// Changes a cell's status like [`set`].
pub(crate) async fn change(
    deployment: &Deployment,
    by: &Signature,
    what: &'static str,
    change: &Change<'_>,
) -> Result<()> {
    let Change { cell, expected, status, retry_after, turn } = *change;
    let facts = |status: CellStatus| Facts::default().text("status", status.as_str());
    let record = audit::begin(deployment, by, what, cell.to_string(), facts(expected)).await?;
    let (reason, operator, now_ms) = (by.reason.as_str(), by.operator.as_str(), deployment.clock.wall_ms());
    let order = Mark { expected, status, retry_after, reason, operator, now_ms };
    let (client, registry) = (&deployment.dynamodb, deployment.registry());
    let marked = match turn {
        Some(turn) => mark_in_turn(client, &registry, cell, &order, turn).await,
        None => mark(client, &registry, cell, &order).await,
    };
    let after = if marked.is_ok() { facts(status) } else { Facts::default() };
    let troubles: Vec<String> = marked.as_ref().err().map(ToString::to_string).into_iter().collect();
    record.end(after, Facts::default(), &troubles).await?;
    marked.with_context(|| format!("cell {cell} was not marked {}", status.as_str()))
}

/// Returns the words for the person who set a state, the time and the reason.
pub(crate) fn said(state: &CellState) -> String {
    let by = state.updated_by.as_deref().unwrap_or("nobody on record");
    let at = state.updated_at.map_or_else(String::new, |at| format!(" at {}", cellstack_core::event::rfc3339(at)));
    let why = state.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    format!("by {by}{at}{why}")
}

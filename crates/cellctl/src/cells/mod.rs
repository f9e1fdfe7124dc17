//! Cells: which of them an operator names, their marks, their way up, their counts and how far they are behind.

pub(crate) mod homecoming;
pub(crate) mod lag;
pub(crate) mod marking;
pub(crate) mod queue;
pub(crate) mod recount;
pub(crate) mod recovery;

use anyhow::{Result, bail};
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_store::cells::{self, Cell, Listing};

use crate::deployment::Deployment;

/// Reads all cells and their counts.
pub(crate) async fn list(deployment: &Deployment) -> Result<Listing, AwsFailure> {
    cells::list(&deployment.dynamodb, &deployment.registry()).await
}

/// Reads the cells that an operator named, or all cells if none was named.
pub(crate) async fn named(deployment: &Deployment, names: &[CellId]) -> Result<Vec<Cell>> {
    let mut cells = list(deployment).await?.cells;
    for name in names {
        if !cells.iter().any(|cell| cell.id == *name) {
            let known: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
            bail!("cell {name} is not in the registry {}; these are: {}", deployment.registry(), known.join(", "));
        }
    }
    if !names.is_empty() {
        cells.retain(|cell| names.contains(&cell.id));
    }
    Ok(cells)
}

/// Reads one cell as it is now. Returns `None` if it is not registered.
pub(crate) async fn one(deployment: &Deployment, id: &CellId) -> Result<Option<Cell>, AwsFailure> {
    cells::one(&deployment.dynamodb, &deployment.registry(), id).await
}

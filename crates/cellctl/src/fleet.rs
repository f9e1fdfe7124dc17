//! The cells of the registry, as placement sees them.

use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_placement::{Cell, Fleet, Refusal};
use cellstack_store::cells::{self, Listing};
use cellstack_store::placement::Site;

use crate::cells::list;
use crate::deployment::Deployment;

/// The registry's listing, and the fleet that it makes.
pub(crate) struct World {
    pub(crate) listing: Listing,
    pub(crate) fleet: Fleet,
}

impl World {
    /// Reads cells and counts.
    pub(crate) async fn read(deployment: &Deployment) -> Result<Self, AwsFailure> {
        let listing = list(deployment).await?;
        let fleet = Fleet::new(listing.cells.iter().map(cell), listing.pairs.clone());
        Ok(Self { listing, fleet })
    }

    /// Returns a cell as a transaction needs it.
    pub(crate) fn site(&self, id: &CellId) -> Result<Site, Refusal> {
        let cell = self.listing.cell(id).ok_or_else(|| Refusal::UnknownCell { cell: id.clone() })?;
        Ok(Site::from(cell))
    }
}

fn cell(cell: &cells::Cell) -> Cell {
    let state = cell.state.as_ref();
    Cell {
        id: cell.id.clone(),
        status: state.map(|state| state.status),
        capacity: cell.config.capacity,
        share: cell.config.weight,
        placed: state.map_or(0, |state| state.placed),
        tenants: state.map_or(0, |state| state.tenants),
    }
}

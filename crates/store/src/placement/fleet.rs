//! The cells of the registry, as placement sees them.

use aws_sdk_dynamodb::Client;
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_placement::{Cell, Fleet, Refusal};

use super::Site;
use crate::cells::{self, Listing};

/// The registry's listing, and the fleet that it makes.
#[derive(Debug)]
pub struct RegisteredFleet {
    /// The listing.
    pub listing: Listing,
    /// The fleet, in which choices are counted.
    pub fleet: Fleet,
}

impl RegisteredFleet {
    /// Reads cells and counts.
    ///
    /// # Errors
    /// When the registry can't be read, or an item is not of the shape that its writer writes.
    pub async fn read(client: &Client, registry: &str) -> Result<Self, AwsFailure> {
        let listing = cells::list(client, registry).await?;
        let fleet = Fleet::new(listing.cells.iter().map(cell), listing.pairs.clone());
        Ok(Self { listing, fleet })
    }

    /// Returns a cell as a transaction needs it.
    ///
    /// # Errors
    /// When the listing does not have it.
    pub fn site(&self, id: &CellId) -> Result<Site, Refusal> {
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

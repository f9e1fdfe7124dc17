//! The placement of one tenant by policy: chosen from the fleet as it was read, written by one transaction, chosen again where
//! another operator came first.

use cellstack_core::{Clock, TenantId};
use cellstack_placement::{Choice, Refusal, Request};

use super::{Order, Placed, Placement, PlacementError, RegisteredFleet};
use crate::tenant_map::TenantEntry;

/// Times that a tenant is chosen a cell anew because other operators filled or marked the one before.
const CHOICES: usize = 20;

/// A tenant that is to be placed.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its needs.
    pub request: Request,
    /// True if plans are to leave it in its cell.
    pub pinned: bool,
}

/// The outcome for one tenant.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It was placed.
    Placed(Choice),
    /// It has a cell already, and stays there.
    Already(Box<TenantEntry>),
    /// It was not placed.
    Refused(PlacementError),
}

impl RegisteredFleet {
    /// Chooses a tenant's cells and counts it in, so that the next choice knows of it.
    ///
    /// # Errors
    /// When no cell, or not the cell that was named, may take the tenant.
    pub fn choose(&mut self, request: &Request) -> Result<Choice, Refusal> {
        let choice = self.fleet.choose(request)?;
        self.fleet.add(&choice, request.weight);
        Ok(choice)
    }
}

impl Placement<'_> {
    /// Places one tenant in the cells that are chosen for it, or in others where these have changed since `fleet` was read.
    ///
    /// # Errors
    /// When a table can't be read or written. A tenant that is refused is a [`Decision`].
    pub async fn place_by_policy(
        &self,
        fleet: &mut RegisteredFleet,
        candidate: &Candidate<'_>,
        clock: &dyn Clock,
    ) -> Result<Decision, PlacementError> {
        let Candidate { tenant, request, pinned } = candidate;
        let weight = request.weight;
        for _ in 0..CHOICES {
            let choice = match fleet.choose(request) {
                Ok(choice) => choice,
                Err(refusal) => return self.already_or_refused(tenant, refusal).await,
            };
            let standby = choice.standby.as_ref().map(|standby| fleet.site(standby)).transpose()?;
            let order = Order { tenant, home: fleet.site(&choice.home)?, standby, weight, pinned: *pinned };
            match self.place(&order, clock.wall_ms()).await {
                Ok(Placed::New(_)) => return Ok(Decision::Placed(choice)),
                Ok(Placed::Already(entry)) => {
                    fleet.fleet.remove(&choice.home, choice.standby.as_ref(), weight);
                    return Ok(Decision::Already(Box::new(entry)));
                }
                // The fleet has changed since it was read.
                Err(PlacementError::Refused(_)) => *fleet = RegisteredFleet::read(self.client, self.registry).await?,
                Err(PlacementError::Failed(failure)) => return Err(failure.into()),
                Err(error) => {
                    fleet.fleet.remove(&choice.home, choice.standby.as_ref(), weight);
                    return Ok(Decision::Refused(error));
                }
            }
        }
        Ok(Decision::Refused(PlacementError::Contended { tenant: TenantId::clone(tenant) }))
    }

    /// Returns the outcome for a tenant that no cell takes: it may have one already.
    async fn already_or_refused(&self, tenant: &TenantId, refusal: Refusal) -> Result<Decision, PlacementError> {
        let entry = self.map().entry(tenant).await?.filter(TenantEntry::is_placed);
        Ok(entry.map_or_else(|| Decision::Refused(refusal.into()), |entry| Decision::Already(Box::new(entry))))
    }
}

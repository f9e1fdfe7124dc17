//! The placement of one tenant: chosen from the fleet as it was read, written by one transaction, chosen again where another
//! operator came first.

use cellstack_core::Clock as _;
use cellstack_placement::{Choice, Refusal, Request};
use cellstack_store::placement::{Order, Placed, Placement, PlacementError};
use cellstack_store::tenant_map::TenantEntry;

use crate::deployment::Deployment;
use crate::fleet::World;
use crate::placing::{Outcome, Wanted};

/// Times that a tenant is chosen a cell anew because other operators filled or marked the one before.
const CHOICES: usize = 20;

/// Chooses a tenant's cells and counts it in, so that the next choice knows of it.
pub(crate) fn choose(world: &mut World, wanted: &Wanted) -> Result<Choice, Refusal> {
    let (cell, standby) = (wanted.cell.clone(), wanted.standby.clone());
    let choice = world.fleet.choose(&Request { weight: wanted.weight, cell, standby })?;
    world.fleet.add(&choice, wanted.weight);
    Ok(choice)
}

/// Places one tenant in the cells that were chosen, or in others where these have changed meanwhile.
///
/// # Errors
/// When a table can't be read or written. A tenant that is refused is an [`Outcome`].
pub(crate) async fn place(
    deployment: &Deployment,
    placement: &Placement<'_>,
    world: &mut World,
    wanted: &Wanted,
) -> Result<Outcome, PlacementError> {
    for _ in 0..CHOICES {
        let choice = match choose(world, wanted) {
            Ok(choice) => choice,
            Err(refusal) => return already_or_refused(deployment, wanted, &refusal).await,
        };
        let standby = choice.standby.as_ref().map(|standby| world.site(standby)).transpose()?;
        let (tenant, home) = (&wanted.tenant, world.site(&choice.home)?);
        let order = Order { tenant, home, standby, weight: wanted.weight, pinned: wanted.pinned };
        match placement.place(&order, deployment.clock.wall_ms()).await {
            Ok(Placed::New(_)) => return Ok(Outcome::placed(wanted, choice)),
            Ok(Placed::Already(entry)) => {
                world.fleet.remove(&choice.home, choice.standby.as_ref(), wanted.weight);
                return Ok(Outcome::of_entry(wanted, entry));
            }
            // The fleet has changed since it was read.
            Err(PlacementError::Refused(_)) => *world = World::read(deployment).await?,
            Err(PlacementError::Failed(failure)) => return Err(failure.into()),
            Err(error) => {
                world.fleet.remove(&choice.home, choice.standby.as_ref(), wanted.weight);
                return Ok(Outcome::refused(tenant, error));
            }
        }
    }
    Ok(Outcome::refused(&wanted.tenant, PlacementError::Contended { tenant: wanted.tenant.clone() }))
}

/// Returns the outcome for a tenant that no cell takes: it may have one already.
async fn already_or_refused(
    deployment: &Deployment,
    wanted: &Wanted,
    refusal: &Refusal,
) -> Result<Outcome, PlacementError> {
    let entry = deployment.tenant_map().entry(&wanted.tenant).await?.filter(TenantEntry::is_placed);
    Ok(entry.map_or_else(|| Outcome::refused(&wanted.tenant, refusal), |entry| Outcome::of_entry(wanted, entry)))
}

//! The placement of one tenant by policy.

use cellstack_placement::Request;
use cellstack_store::placement::{Candidate, Decision, Placement, PlacementError, RegisteredFleet};

use crate::deployment::Deployment;
use crate::placing::{Outcome, Wanted};

impl Wanted {
    /// Returns what the tenant needs of its cells.
    pub(super) fn request(&self) -> Request {
        Request { weight: self.weight, cell: self.cell.clone(), standby: self.standby.clone() }
    }
}

/// Places one tenant in the cells that are chosen for it.
///
/// # Errors
/// When a table can't be read or written. A tenant that is refused is an [`Outcome`].
pub(crate) async fn place(
    deployment: &Deployment,
    placement: &Placement<'_>,
    world: &mut RegisteredFleet,
    wanted: &Wanted,
) -> Result<Outcome, PlacementError> {
    let candidate = Candidate { tenant: &wanted.tenant, request: wanted.request(), pinned: wanted.pinned };
    Ok(match placement.place_by_policy(world, &candidate, &*deployment.clock).await? {
        Decision::Placed(choice) => Outcome::placed(wanted, choice),
        Decision::Already(entry) => Outcome::of_entry(wanted, *entry),
        Decision::Refused(error) => Outcome::refused(&wanted.tenant, error),
    })
}

//! Many placements: several tenants per transaction, the homes side by side.

use std::collections::BTreeMap;

use anyhow::Result;
use cellstack_core::{CellId, Clock as _};
use cellstack_placement::Choice;
use cellstack_store::placement::{Order, Placement, PlacementError};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::one::{choose, place};
use super::{Outcome, Wanted};
use crate::deployment::Deployment;
use crate::fleet::World;

/// Homes that are filled at once. Within a home one transaction follows the other: they share its count.
const HOMES_AT_ONCE: usize = 16;

/// Places tenants. Returns the outcome for each, in order.
///
/// The cells of all are chosen first, from the fleet as it was read. A group of tenants that a transaction refuses is
/// placed one by one, and so is a tenant for which no cell was found: other operators may have changed the fleet.
///
/// # Errors
/// When a table can't be read or written. What was placed until then stays placed.
pub(crate) async fn place_all(
    deployment: &Deployment,
    operator: &str,
    wanted: &[Wanted],
    placed: impl Fn(u64),
) -> Result<Vec<Outcome>> {
    let mut world = World::read(deployment).await?;
    let mut outcomes: Vec<Option<Outcome>> = vec![None; wanted.len()];
    let mut homes: BTreeMap<CellId, Vec<(usize, Choice)>> = BTreeMap::new();
    if wanted.len() > 1 {
        for (at, wish) in wanted.iter().enumerate() {
            if let Ok(choice) = choose(&mut world, wish) {
                homes.entry(choice.home.clone()).or_default().push((at, choice));
            }
        }
    }
    let tables = deployment.tables();
    let placement = deployment.placement(&tables, operator);
    let fill = |chosen| fill(deployment, &placement, &world, wanted, chosen, &placed);
    let filled: Vec<Vec<(usize, Outcome)>> =
        stream::iter(homes.into_values()).map(fill).buffer_unordered(HOMES_AT_ONCE).try_collect().await?;
    for (at, outcome) in filled.into_iter().flatten() {
        outcomes[at] = Some(outcome);
    }
    if outcomes.iter().any(Option::is_none) {
        world = World::read(deployment).await?;
    }
    for (outcome, wish) in outcomes.iter_mut().zip(wanted) {
        if outcome.is_none() && !deployment.stop().is_cancelled() {
            *outcome = Some(place(deployment, &placement, &mut world, wish).await?);
            placed(1);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// Places the tenants that were chosen a home. Those that it can't place as they were chosen are left out.
async fn fill(
    deployment: &Deployment,
    placement: &Placement<'_>,
    world: &World,
    wanted: &[Wanted],
    chosen: Vec<(usize, Choice)>,
    placed: impl Fn(u64),
) -> Result<Vec<(usize, Outcome)>> {
    let order = |(at, choice): &(usize, Choice)| -> Result<Order<'_>> {
        let Wanted { tenant, weight, pinned, .. } = &wanted[*at];
        let standby = choice.standby.as_ref().map(|standby| world.site(standby)).transpose()?;
        Ok(Order { tenant, home: world.site(&choice.home)?, standby, weight: *weight, pinned: *pinned })
    };
    let orders = chosen.iter().map(order).collect::<Result<Vec<_>>>()?;
    let (mut next, mut done) = (0, Vec::new());
    while next < orders.len() && !deployment.stop().is_cancelled() {
        match placement.place_group(&orders[next..], deployment.clock.wall_ms()).await {
            // A cell of another account: its tenants are placed one by one.
            Ok(0) => next += 1,
            Ok(taken) => {
                done.extend(
                    chosen[next..next + taken]
                        .iter()
                        .map(|(at, choice)| (*at, Outcome::placed(&wanted[*at], choice.clone()))),
                );
                placed(taken as u64);
                next += taken;
            }
            Err(PlacementError::Failed(failure)) => return Err(failure.into()),
            // One of the group is not new, or the cell has changed: the group is as long as the next that fits.
            Err(_) => next += GROUP,
        }
    }
    Ok(done)
}

/// Tenants of one transaction, with standbys.
const GROUP: usize = 5;

//! Many placements: several tenants per transaction, the homes side by side.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use cellstack_core::{CellId, Clock as _};
use cellstack_placement::Choice;
use cellstack_store::placement::{Group, Order, Placement, RegisteredFleet};
use futures::stream::{self, StreamExt as _};

use super::entries::entries;
use super::one::place;
use super::{Outcome, Wanted};
use crate::deployment::Deployment;

/// Homes that are filled at once. Within a home one transaction follows the other: they share its count.
const HOMES_AT_ONCE: usize = 16;

/// A run over many tenants.
pub(crate) struct Run {
    /// The outcome for each tenant that the run came to, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// The failure that ended the run early.
    pub(crate) failure: Option<anyhow::Error>,
}

/// Tenants by the home that was chosen for them, each with its place in the order.
type Homes = BTreeMap<CellId, Vec<(usize, Choice)>>;

/// Places tenants.
///
/// The cells of all new ones are chosen first, from the fleet as it was read. A group of tenants that a transaction refuses is
/// placed one by one, and so is a tenant for which no cell was found: other operators may have changed the fleet. When a table
/// can't be read or written, the run ends, and what was placed until then stays placed.
pub(crate) async fn place_all(deployment: &Deployment, operator: &str, wanted: &[Wanted], placed: impl Fn(u64)) -> Run {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; wanted.len()];
    let failure = try_place_all(deployment, operator, wanted, &mut outcomes, placed).await.err();
    Run { outcomes: outcomes.into_iter().flatten().collect(), failure }
}

async fn try_place_all(
    deployment: &Deployment,
    operator: &str,
    wanted: &[Wanted],
    outcomes: &mut [Option<Outcome>],
    placed: impl Fn(u64),
) -> Result<()> {
    let tables = deployment.tables();
    let placement = deployment.placement(&tables, operator);
    let mut world = deployment.fleet().await?;
    if wanted.len() > 1 {
        let homes = choose_all(deployment, &mut world, wanted, outcomes).await?;
        placed(outcomes.iter().flatten().count() as u64);
        fill_all(deployment, &placement, &world, wanted, homes, outcomes, &placed).await?;
        if outcomes.iter().any(Option::is_none) {
            world = deployment.fleet().await?;
        }
    }
    for (outcome, wish) in outcomes.iter_mut().zip(wanted).filter(|(outcome, _)| outcome.is_none()) {
        if deployment.stop().is_cancelled() {
            break;
        }
        *outcome = Some(place(deployment, &placement, &mut world, wish).await?);
        placed(1);
    }
    Ok(())
}

/// Chooses cells for the tenants that are new, and notes the outcome for those that have a cell.
async fn choose_all(
    deployment: &Deployment,
    world: &mut RegisteredFleet,
    wanted: &[Wanted],
    outcomes: &mut [Option<Outcome>],
) -> Result<Homes> {
    let mut homes = Homes::new();
    let mut seen = HashSet::new();
    for (at, (wish, entry)) in wanted.iter().zip(entries(deployment, wanted).await?).enumerate() {
        match entry {
            Some(entry) if entry.is_placed() => outcomes[at] = Some(Outcome::of_entry(wish, entry)),
            // One that was removed has an epoch and a wait of its own.
            Some(_) => {}
            // One that is named twice is placed by its first line.
            None if !seen.insert(&wish.tenant) => {}
            None => {
                if let Ok(choice) = world.choose(&wish.request()) {
                    homes.entry(choice.home.clone()).or_default().push((at, choice));
                }
            }
        }
    }
    Ok(homes)
}

/// Fills the homes side by side.
async fn fill_all(
    deployment: &Deployment,
    placement: &Placement<'_>,
    world: &RegisteredFleet,
    wanted: &[Wanted],
    homes: Homes,
    outcomes: &mut [Option<Outcome>],
    placed: &impl Fn(u64),
) -> Result<()> {
    let fill = |chosen: Vec<(usize, Choice)>| async move {
        let mut done = Vec::new();
        let ended = fill(deployment, placement, world, wanted, &chosen, |range: std::ops::Range<usize>| {
            placed(range.len() as u64);
            done.extend_from_slice(&chosen[range]);
        })
        .await;
        (done, ended)
    };
    let mut filled = stream::iter(homes.into_values()).map(fill).buffer_unordered(HOMES_AT_ONCE);
    let mut ended = Ok(());
    // The other homes' transactions that are under way are waited for: their outcomes are known then.
    while let Some((done, end)) = filled.next().await {
        for (at, choice) in done {
            outcomes[at] = Some(Outcome::placed(&wanted[at], choice));
        }
        ended = ended.and(end);
    }
    ended
}

/// Places the tenants that were chosen one home. Those that can't be placed as they were chosen are skipped.
async fn fill(
    deployment: &Deployment,
    placement: &Placement<'_>,
    world: &RegisteredFleet,
    wanted: &[Wanted],
    chosen: &[(usize, Choice)],
    mut placed: impl FnMut(std::ops::Range<usize>),
) -> Result<()> {
    let order = |(at, choice): &(usize, Choice)| -> Result<Order<'_>> {
        let Wanted { tenant, weight, pinned, .. } = &wanted[*at];
        let standby = choice.standby.as_ref().map(|standby| world.site(standby)).transpose()?;
        Ok(Order { tenant, home: world.site(&choice.home)?, standby, weight: *weight, pinned: *pinned })
    };
    let orders = chosen.iter().map(order).collect::<Result<Vec<_>>>()?;
    let mut next = 0;
    while next < orders.len() && !deployment.stop().is_cancelled() {
        match placement.place_group(&orders[next..], deployment.clock.wall_ms()).await? {
            Group::Placed(taken) => {
                placed(next..next + taken);
                next += taken;
            }
            Group::Refused(taken) => next += taken,
        }
    }
    Ok(())
}

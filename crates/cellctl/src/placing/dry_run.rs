//! The outcome that placements would have now.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use cellstack_core::{CellId, Clock as _};
use cellstack_store::placement::allow;

use super::entries::entries;
use super::{Outcome, Wanted};
use crate::deployment::Deployment;

/// Returns where tenants would go. Nothing is written.
///
/// The order is that of [`super::place_all`]: tenants that never had a cell choose first, then those that were removed, and
/// those that an earlier line names.
///
/// # Errors
/// When a table can't be read.
pub(crate) async fn rehearse(deployment: &Deployment, wanted: &[Wanted]) -> Result<Vec<Outcome>> {
    let mut world = deployment.fleet().await?;
    let now_ms = deployment.clock.wall_ms();
    let (mut first, mut then, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for (at, (wish, entry)) in wanted.iter().zip(entries(deployment, wanted).await?).enumerate() {
        let is_first = entry.is_none() && seen.insert(&wish.tenant);
        let part = if is_first { &mut first } else { &mut then };
        part.push((at, wish, entry));
    }
    let mut chosen = HashMap::new();
    let mut outcomes = Vec::with_capacity(wanted.len());
    for (at, wish, entry) in first.into_iter().chain(then) {
        let outcome = match entry {
            Some(entry) if entry.is_placed() => Outcome::of_entry(wish, entry),
            entry => match (chosen.get(&wish.tenant), allow(&wish.tenant, entry.as_ref(), now_ms)) {
                (_, Err(error)) => Outcome::refused(&wish.tenant, error),
                // An earlier line places it.
                (Some((home, standby)), Ok(())) => Outcome::kept(wish, CellId::clone(home), Option::clone(standby)),
                (None, Ok(())) => match world.choose(&wish.request()) {
                    Ok(choice) => {
                        chosen.insert(&wish.tenant, (choice.home.clone(), choice.standby.clone()));
                        Outcome::placed(wish, choice)
                    }
                    Err(refusal) => Outcome::refused(&wish.tenant, refusal),
                },
            },
        };
        outcomes.push((at, outcome));
    }
    outcomes.sort_by_key(|(at, _)| *at);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

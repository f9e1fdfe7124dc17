//! The outcome that placements would have now.

use std::collections::HashMap;

use anyhow::Result;
use cellstack_core::{CellId, Clock as _};
use cellstack_store::placement::allow;

use super::entries::entries;
use super::{Outcome, Wanted};
use crate::deployment::Deployment;

/// Returns where tenants would go. Nothing is written.
///
/// # Errors
/// When a table can't be read.
pub(crate) async fn rehearse(deployment: &Deployment, wanted: &[Wanted]) -> Result<Vec<Outcome>> {
    let mut world = deployment.fleet().await?;
    let now_ms = deployment.clock.wall_ms();
    let mut chosen = HashMap::new();
    let mut outcomes = Vec::with_capacity(wanted.len());
    for (wish, entry) in wanted.iter().zip(entries(deployment, wanted).await?) {
        outcomes.push(match entry {
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
        });
    }
    Ok(outcomes)
}

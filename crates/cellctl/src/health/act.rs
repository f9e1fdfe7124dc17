//! Automation: marks cells down and up, by what their probes say.

use std::collections::BTreeSet;
use std::future::Future;

use anyhow::{Result, anyhow};
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Clock as _, Entropy as _, EventId};
use cellstack_store::carry::Carried;
use cellstack_store::cells::{
    LEASE_TIME, Lease, Listing, StateError, finish_lease, is_unfinished, leave_lease, renew_lease, take_lease,
};
use serde::Serialize;

use super::{AUTOMATION, Action, Decision, Evidence, Rules, decide, too_small};
use crate::audit::Signature;
use crate::cells;
use crate::cells::homecoming::Homecoming;
use crate::cells::marking::{Change, retry_after_down, set, stated};
use crate::cells::recovery::Recovery;
use crate::console::Console;
use crate::deployment::Deployment;

/// The name of the command in the audit trail.
const WHAT: &str = "cells probe --act";

/// The result for a cell that a stopped run did not finish.
const STOPPED: &str = "stopped; the next run continues";

/// The settings of automation.
#[derive(Debug, Clone, Copy)]
pub struct Automation {
    /// The bounds.
    pub rules: Rules,
    /// True if it only says what it would do.
    pub dry_run: bool,
}

/// A decision, and what came of it.
#[derive(Debug, Serialize)]
pub struct Acted {
    /// The cell.
    pub cell: CellId,
    /// The status on which the decision rests.
    pub before: &'static str,
    /// The action.
    pub action: Action,
    /// The reason for it.
    pub because: String,
    /// True if the cell was marked.
    pub done: bool,
    /// The reason why it was not, or what it has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// True if an operator or another run was faster. The next round looks again.
    #[serde(skip)]
    outrun: bool,
    /// Events that came home from standbys, if it came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    carried: Option<u64>,
}

impl Acted {
    fn new(decision: Decision, result: Result<Carry>) -> Self {
        let Decision { cell, seen, action, because } = decision;
        let outrun = result.as_ref().err().and_then(|error| error.downcast_ref()).is_some_and(StateError::is_outrun);
        let (done, carried, error) = match result {
            Ok(Carry { carried, left }) => (true, carried, left),
            Err(error) => (false, None, Some(format!("{error:#}"))),
        };
        Self { cell, before: seen.as_str(), action, because, done, error, outrun, carried }
    }

    /// Returns the decision as it would be carried out.
    fn planned(Decision { cell, seen, action, because }: Decision) -> Self {
        Self { cell, before: seen.as_str(), action, because, done: false, error: None, outrun: false, carried: None }
    }

    /// Returns whether nothing is left for an operator to look at.
    pub(crate) fn is_settled(&self) -> bool {
        self.action != Action::Leave && self.error.is_none()
    }

    /// Returns the reason why an action was not carried out, or not wholly, unless someone was faster.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.error.as_deref().filter(|_| !self.outrun)
    }
}

/// The events that came home with a cell that came up, and what was left out.
#[derive(Default)]
struct Carry {
    carried: Option<u64>,
    left: Option<String>,
}

/// Decides about the cells that were probed, and marks them: first those that go down, then those that come up.
///
/// Only one run marks at a time: where another one does, the decisions are returned with that as their error.
pub(crate) async fn act(
    deployment: &Deployment,
    Automation { rules, dry_run }: &Automation,
    probed: &BTreeSet<CellId>,
    console: &mut Console,
) -> Result<Vec<Acted>> {
    let (client, registry) = (&deployment.dynamodb, deployment.registry());
    let was_left = is_unfinished(client, &registry, deployment.clock.wall_ms()).await?;
    let listing = cells::list(deployment).await?;
    if let Some(notice) = too_small(rules, &listing) {
        console.say(notice);
    }
    let planned = decide(rules, Evidence { listing: &listing, probed, was_left });
    if *dry_run || planned.iter().all(|one| one.action == Action::Leave) {
        return Ok(planned.into_iter().map(Acted::planned).collect());
    }
    let now_ms = deployment.clock.wall_ms();
    let run = EventId::from_parts(now_ms, deployment.entropy.random()).to_string();
    let Some(lease) = take_lease(client, &registry, &run, now_ms).await? else {
        return Ok(planned.into_iter().map(overtaken).collect());
    };
    // Another run may have marked cells since. The decision that counts is made on a look that only this run's marks follow.
    let listing = cells::list(deployment).await?;
    let decisions = decide(rules, Evidence { listing: &listing, probed, was_left });
    let acted = renewing(deployment, lease, Box::pin(all(deployment, &listing, decisions, lease, console))).await;
    let has_left = acted.iter().any(|one| one.action == Action::Up && one.error.is_some());
    let ended = if has_left || deployment.stop().is_cancelled() {
        leave_lease(client, &registry, lease).await
    } else {
        finish_lease(client, &registry, lease).await
    };
    // The cells are marked: that has to be reported, even if the lease could not be ended.
    if let Err(failure) = ended {
        console.say(format_args!("the lease of automation ends by itself in {} s: {failure}", LEASE_TIME.as_secs()));
    }
    Ok(acted)
}

fn overtaken(decision: Decision) -> Acted {
    if decision.action == Action::Leave {
        return Acted::planned(decision);
    }
    let error = StateError::Overtaken { cell: decision.cell.clone() };
    Acted::new(decision, Err(error.into()))
}

async fn all(
    deployment: &Deployment,
    listing: &Listing,
    mut decisions: Vec<Decision>,
    lease: Lease,
    console: &mut Console,
) -> Vec<Acted> {
    decisions.sort_by_key(|one| one.action == Action::Up);
    let mut acted = Vec::new();
    for decision in decisions {
        acted.push(match decision.action {
            Action::Leave => Acted::planned(decision),
            _ if deployment.stop().is_cancelled() => Acted::new(decision, Err(anyhow!(STOPPED))),
            Action::Down | Action::Up => {
                let result = carry_out(deployment, listing, &decision, lease, console).await;
                Acted::new(decision, result)
            }
        });
    }
    acted
}

/// Keeps the lease while something is done under it. A lease that can't be renewed may be over, and then marks nothing.
async fn renewing<T>(deployment: &Deployment, lease: Lease, mut work: impl Future<Output = T> + Unpin) -> T {
    let (client, registry) = (&deployment.dynamodb, deployment.registry());
    loop {
        tokio::select! {
            // In this order, not in a random one: the same seed must run the same way.
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(LEASE_TIME / 3) => {}
        }
        let _ = renew_lease(client, &registry, lease, deployment.clock.wall_ms()).await;
    }
}

async fn carry_out(
    deployment: &Deployment,
    listing: &Listing,
    decision: &Decision,
    lease: Lease,
    console: &mut Console,
) -> Result<Carry> {
    let Decision { cell, seen, action, because } = decision;
    let (_, state) = stated(listing, cell)?;
    let by = Signature { operator: AUTOMATION.to_owned(), reason: format!("probe: {because}") };
    if *action == Action::Down {
        let (lease, retry_after) = (Some(lease), Some(retry_after_down()));
        let order = Change { expected: *seen, lease, retry_after, ..Change::new(cell, state, CellStatus::Down) };
        set(deployment, &by, WHAT, &order).await?;
        console.say(format_args!("cell {cell} is down: {because}"));
        return Ok(Carry::default());
    }
    let homes = Homecoming::read(deployment, cell).await?;
    let mut recovery = Recovery::new(deployment, (&by, WHAT), cell, state).under_lease(lease);
    recovery.run(state, homes, console).await?;
    let Carried { new, .. } = recovery.carried();
    let is_stopped = deployment.stop().is_cancelled();
    let left = if is_stopped { Some(STOPPED.to_owned()) } else { recovery.left().map(str::to_owned) };
    Ok(Carry { carried: Some(new), left })
}

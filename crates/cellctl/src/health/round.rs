//! A round of probes, with what automation made of it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use cellstack_store::cells::Cell;
use futures::future::join_all;
use serde::Serialize;

use super::act::{Acted, Automation, act};
use super::{Probe, probe};
use crate::cells;
use crate::console::Console;
use crate::deployment::Deployment;

/// The settings of a round.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The cells; all that serve if there are none.
    pub(crate) cells: Vec<CellId>,
    /// The time that an event may take.
    pub(crate) timeout: Duration,
    /// The settings of automation, if it acts.
    pub(crate) automation: Option<Automation>,
}

/// The results of a round.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) probes: Vec<Probe>,
    /// The decisions of automation, if it acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marks: Option<Vec<Acted>>,
}

impl Round {
    /// Probes cells, keeps the results, and lets automation act on them.
    ///
    /// # Errors
    /// Fails if the registry can't be read or written.
    pub(crate) async fn run(deployment: &Deployment, settings: &Settings, console: &mut Console) -> Result<Self> {
        let mut chosen = cells::named(deployment, &settings.cells).await?;
        if settings.cells.is_empty() {
            chosen.retain(|cell| cell.status() != CellStatus::Retired);
        }
        let probes = join_all(chosen.iter().map(|cell| probe(deployment, cell, settings.timeout))).await;
        let kept = keep(deployment, &chosen, &probes, console).await;
        let marks = match &settings.automation {
            Some(automation) if !deployment.stop().is_cancelled() => {
                Some(act(deployment, automation, &kept, console).await?)
            }
            _ => None,
        };
        Ok(Self { probes, marks })
    }

    /// Returns whether each event passed, and nothing is left for an operator to look at.
    pub(crate) fn is_settled(&self) -> bool {
        self.marks.iter().flatten().all(Acted::is_settled) && self.probes.iter().all(Probe::passed)
    }
}

/// Keeps results in the registry. Returns the cells whose result was kept.
async fn keep(deployment: &Deployment, cells: &[Cell], probes: &[Probe], console: &mut Console) -> BTreeSet<CellId> {
    let mut kept = BTreeSet::new();
    for (cell, probe) in cells.iter().zip(probes) {
        // A probe that was stopped says nothing of its cell.
        if deployment.stop().is_cancelled() && !probe.passed() {
            continue;
        }
        match probe.keep(deployment, cell).await {
            Ok(_) => drop(kept.insert(cell.id.clone())),
            Err(why) => console.say(format_args!("not kept: {why}")),
        }
    }
    kept
}

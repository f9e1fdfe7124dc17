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
pub struct Settings {
    /// The cells; all that serve if there are none.
    pub cells: Vec<CellId>,
    /// The time that an event may take.
    pub timeout: Duration,
    /// The settings of automation, if it acts.
    pub automation: Option<Automation>,
}

impl Settings {
    /// The time that an event may take unless another is given.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// The longest time that an event may be given.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(600);
}

/// The results of a round.
#[derive(Debug, Serialize)]
pub struct Round {
    /// The results, a cell each.
    pub probes: Vec<Probe>,
    /// The decisions of automation, if it acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marks: Option<Vec<Acted>>,
    /// Results that could not be kept, each with the reason. They do not count.
    #[serde(skip)]
    not_kept: Vec<String>,
}

impl Round {
    /// Probes cells, keeps the results, and lets automation act on them.
    ///
    /// # Errors
    /// Fails if the registry can't be read or written.
    pub async fn run(deployment: &Deployment, settings: &Settings, console: &mut Console) -> Result<Self> {
        let mut chosen = cells::named(deployment, &settings.cells).await?;
        if settings.cells.is_empty() {
            chosen.retain(|cell| cell.status() != CellStatus::Retired);
        }
        let probes = join_all(chosen.iter().map(|cell| probe(deployment, cell, settings.timeout))).await;
        let (kept, not_kept) = keep(deployment, &chosen, &probes).await;
        for why in &not_kept {
            console.say(format_args!("not kept: {why}"));
        }
        let marks = match &settings.automation {
            Some(automation) if !deployment.stop().is_cancelled() => {
                Some(act(deployment, automation, &kept, console).await?)
            }
            _ => None,
        };
        Ok(Self { probes, marks, not_kept })
    }

    /// Returns whether each event passed, and nothing is left for an operator to look at.
    pub(crate) fn is_settled(&self) -> bool {
        self.marks.iter().flatten().all(Acted::is_settled) && self.probes.iter().all(Probe::passed)
    }

    /// Returns the reasons why the round is not what it should be, whether cells pass or fail: results that do not count,
    /// and marks that were decided on and not made, unless an operator or another run was faster.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let unmade = self.marks.iter().flatten().filter_map(|mark| Some(format!("{}: {}", mark.cell, mark.failure()?)));
        self.not_kept.iter().cloned().chain(unmade).collect()
    }
}

/// Keeps results in the registry. Returns the cells whose result was kept, and the reasons of those that were not.
async fn keep(deployment: &Deployment, cells: &[Cell], probes: &[Probe]) -> (BTreeSet<CellId>, Vec<String>) {
    let (mut kept, mut not_kept) = (BTreeSet::new(), Vec::new());
    for (cell, probe) in cells.iter().zip(probes) {
        // A probe that was stopped says nothing of its cell.
        if deployment.stop().is_cancelled() && !probe.passed() {
            continue;
        }
        match probe.keep(deployment, cell).await {
            Ok(_) => drop(kept.insert(cell.id.clone())),
            Err(why) => not_kept.push(why),
        }
    }
    (kept, not_kept)
}

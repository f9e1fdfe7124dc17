//! The decisions of automation: which cells to mark down or up after a round of probes. No call is made here.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use cellstack_core::CellId;
use cellstack_core::registry::{CellHealth, CellState, CellStatus};
use cellstack_store::cells::Listing;
use serde::Serialize;

/// The name under which automation marks cells. An operator can't take it.
pub(crate) const AUTOMATION: &str = "probe";

/// The look at a fleet on which automation decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) listing: &'a Listing,
    /// The cells that were probed.
    pub(crate) probed: &'a BTreeSet<CellId>,
    /// True if the last run of automation ended before it had brought its cells up.
    pub(crate) was_left: bool,
}

/// The bounds of automation.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Failures in a row that take a cell out.
    pub failures: u32,
    /// Successes in a row that bring a cell back.
    pub successes: u32,
    /// Percent of the fleet that may be out of service when automation takes out a cell, that cell included.
    pub max_down: u8,
}

impl Rules {
    /// The rules unless others are given.
    pub const DEFAULT: Self = Self { failures: 3, successes: 5, max_down: 25 };
    /// The longest row of results that may be asked for.
    pub const MAX_ROW: u32 = 1_000;
}

/// A decision about a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) cell: CellId,
    /// The status on which it rests.
    pub(crate) seen: CellStatus,
    pub(crate) action: Action,
    pub(crate) because: String,
}

/// The action on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is marked down.
    Down,
    /// It is marked up, or its way up continues.
    Up,
    /// It stays, although its probes say otherwise.
    Leave,
}

/// Decides about the cells that were probed. Cells that are fine as they are get no decision.
///
/// An operator's mark is never undone: only cells that automation marked come up again, and only active ones go down. A mark
/// begins the count anew, so a cell that an operator has marked up is not taken out for failures of before. Where the last
/// run ended early, cells that automation has brought up are looked after once more.
pub(crate) fn decide(rules: &Rules, evidence: Evidence<'_>) -> Vec<Decision> {
    let Evidence { listing, probed, was_left } = evidence;
    let mut found: Vec<(u32, Decision)> = Vec::new();
    for cell in listing.cells.iter().filter(|cell| probed.contains(&cell.id)) {
        let (Some(state), Some(health)) = (&cell.state, listing.health.get(&cell.id)) else { continue };
        if let Some((action, because)) = wanted(rules, state, health, was_left) {
            let decision = Decision { cell: cell.id.clone(), seen: state.status, action, because };
            found.push((health.failures, decision));
        }
    }
    // The share goes to the cells that have failed for longest.
    found.sort_by_key(|(failures, _)| Reverse(*failures));
    let mut share = Share::of(rules, listing);
    found.into_iter().map(|(_, decision)| share.bound(decision)).collect()
}

/// Returns the action that a cell's probes ask for, within an operator's word.
fn wanted(rules: &Rules, state: &CellState, health: &CellHealth, was_left: bool) -> Option<(Action, String)> {
    if health.mark != state.updated_at {
        return None;
    }
    let ours = state.updated_by.as_deref() == Some(AUTOMATION);
    let fails = health.failures >= rules.failures;
    let passes = health.successes >= rules.successes;
    let failed = || {
        let error = health.error.as_deref().map_or_else(String::new, |error| format!(": {error}"));
        format!("{} failures in a row{error}", health.failures)
    };
    match state.status {
        CellStatus::Active if fails => Some((Action::Down, failed())),
        CellStatus::Recovering if ours && fails => Some((Action::Down, failed())),
        CellStatus::Recovering if ours && health.successes > 0 => Some((Action::Up, INTERRUPTED.to_owned())),
        CellStatus::Active if ours && was_left && state.may_be_held_for() && health.successes > 0 => {
            Some((Action::Up, INTERRUPTED.to_owned()))
        }
        CellStatus::Down if ours && passes => Some((Action::Up, format!("{} successes in a row", health.successes))),
        CellStatus::Full | CellStatus::Draining | CellStatus::Recovering if fails => {
            Some((Action::Leave, format!("{}, and {}", failed(), word(state))))
        }
        CellStatus::Down if passes => {
            Some((Action::Leave, format!("{} successes in a row, and {}", health.successes, word(state))))
        }
        _ => None,
    }
}

const INTERRUPTED: &str = "its way up was interrupted, and it passes";

fn word(state: &CellState) -> String {
    let by = state.updated_by.as_deref().unwrap_or("an operator");
    format!("{by} has marked it {}: an operator decides", state.status.as_str())
}

/// Returns a notice if the share that automation may take out of a fleet is less than one cell: it takes out none then.
pub(crate) fn too_small(rules: &Rules, listing: &Listing) -> Option<String> {
    let Share { fleet, limit, .. } = Share::of(rules, listing);
    if limit > 0 || rules.max_down == 0 || fleet == 0 {
        return None;
    }
    let (found, least) = (rules.max_down, 100_usize.div_ceil(fleet));
    Some(format!(
        "automation takes out no cell: {found} % of {fleet} is less than one; expected --max-down {least} or more"
    ))
}

/// The cells that are out of service, and the number that may be.
struct Share {
    fleet: usize,
    limit: usize,
    out: usize,
}

impl Share {
    fn of(rules: &Rules, listing: &Listing) -> Self {
        let states = listing.cells.iter().filter_map(|cell| cell.state.as_ref());
        let fleet = states.clone().filter(|state| state.status != CellStatus::Retired).count();
        let out = states.filter(|state| is_out(state.status)).count();
        Self { fleet, limit: fleet * usize::from(rules.max_down) / 100, out }
    }

    fn bound(&mut self, decision: Decision) -> Decision {
        if decision.action != Action::Down || is_out(decision.seen) {
            return decision;
        }
        if self.out < self.limit {
            self.out += 1;
            return decision;
        }
        let Self { fleet, limit, out } = self;
        let because = format!(
            "{}, but {out} of {fleet} cells are out of service, and automation takes out no more than {limit} (--max-down)",
            decision.because
        );
        Decision { action: Action::Leave, because, ..decision }
    }
}

const fn is_out(status: CellStatus) -> bool {
    matches!(status, CellStatus::Down | CellStatus::Recovering)
}

#[cfg(test)]
mod tests;

//! Automation of `cellctl cells probe --act`: marks cells down and up, by what their probes say.

use std::collections::BTreeSet;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::limits::RETRY_AFTER_DOWN;
use cellstack_core::registry::CellStatus;
use cellstack_store::carry::Carried;
use cellstack_store::cells::{Turn, take_turn};
use serde::Serialize;

use super::up::bring_home;
use crate::cells;
use crate::console::{Console, table};
use crate::deployment::Deployment;
use crate::health::{AUTOMATION, Action, Decision, Rules, decide};
use crate::marking::{Change, change};
use crate::operator::Signature;

/// The name of the command in the audit trail.
const WHAT: &str = "cells probe --act";

/// A decision, and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Acted {
    cell: CellId,
    before: &'static str,
    action: Action,
    because: String,
    /// Whether the cell was marked.
    done: bool,
    /// The reason why it was not, if it should have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Events that came home from standbys, if it came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    carried: Option<Carried>,
}

impl Acted {
    /// Returns whether nothing is left for an operator to look at.
    pub(super) fn is_settled(&self) -> bool {
        self.action != Action::Leave && self.error.is_none()
    }

    fn row(&self) -> [&str; 5] {
        let action = match self.action {
            Action::Down => "down",
            Action::Up => "up",
            Action::Leave => "leave",
        };
        let result = match (&self.error, self.done) {
            (Some(error), _) => error,
            (None, true) => "done",
            (None, false) => "-",
        };
        [self.cell.as_str(), self.before, action, &self.because, result]
    }
}

/// Decides about the cells that were probed, and marks them: first those that go down, then those that come up.
pub(super) async fn act(
    deployment: &Deployment,
    rules: &Rules,
    probed: &BTreeSet<CellId>,
    dry_run: bool,
    console: &mut Console,
) -> Result<Vec<Acted>> {
    let mut decisions = decide(rules, &cells::list(deployment).await?, probed);
    let mut turn = None;
    if !dry_run && decisions.iter().any(|one| one.action == Action::Down) {
        // Another run may look at the same fleet. The decision that counts is made on a look that only this run's marks follow.
        turn = Some(take_turn(&deployment.dynamodb, &deployment.registry()).await?);
        decisions = decide(rules, &cells::list(deployment).await?, probed);
    }
    decisions.sort_by_key(|one| one.action == Action::Up);
    let mut acted = Vec::new();
    for decision in decisions {
        let done = if dry_run { Ok(None) } else { carry_out(deployment, &decision, turn, console).await };
        let done_for_real = done.is_ok() && !dry_run && decision.action != Action::Leave;
        let (carried, error) = match done {
            Ok(carried) => (carried, None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let Decision { cell, seen, action, because } = decision;
        acted.push(Acted { cell, before: seen.as_str(), action, because, done: done_for_real, error, carried });
    }
    Ok(acted)
}

async fn carry_out(
    deployment: &Deployment,
    decision: &Decision,
    turn: Option<Turn>,
    console: &mut Console,
) -> Result<Option<Carried>> {
    let Decision { cell, seen, action, because } = decision;
    let by = Signature { operator: AUTOMATION.to_owned(), reason: format!("probe: {because}") };
    match action {
        Action::Leave => Ok(None),
        Action::Down => {
            let retry_after = u32::try_from(RETRY_AFTER_DOWN.as_secs()).ok();
            let order = Change { cell, expected: *seen, status: CellStatus::Down, retry_after, turn };
            change(deployment, &by, WHAT, &order).await?;
            console.say(format_args!("cell {cell} is down: {because}"));
            Ok(None)
        }
        Action::Up => bring_home(deployment, (&by, WHAT), cell, *seen, console).await.map(Some),
    }
}

/// Prints the decisions for people.
pub(super) fn print(acted: &[Acted], console: &mut Console) -> Result<()> {
    if acted.is_empty() {
        console.say("no cell to mark");
        return Ok(());
    }
    let mut table = table(&["cell", "was", "automation says", "because", "result"]);
    for one in acted {
        table.add_row(one.row());
    }
    console.print(table)
}

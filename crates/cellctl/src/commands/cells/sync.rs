//! `cellctl cells sync`

use anyhow::Result;
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_core::{CellId, Clock as _};
use cellstack_store::cells::{Cell, StateError, create_state};
use clap::Args;
use serde::Serialize;

use crate::audit::{self, Facts, Signature};
use crate::cells;
use crate::cells::marking::{Change, change};
use crate::cells::recount::{Counted, moves_to_standby};
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::operator::Routine;

/// Bring the cells that Terraform stamped and those that cellctl knows into agreement
///
/// A stamped cell that has tenants and no state gets one: it is active, with its counts. A cell without a configuration is
/// marked retired if Terraform says so, or if no tenants are in it and it stands by for none. All else is reported by name, with what
/// to do, as are tenants of a retired cell; exit code 3 then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells sync --dry-run
  cellctl cells sync")]
pub(super) struct Sync {
    #[command(flatten)]
    by: Routine,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A cell on which the two do not agree.
#[derive(Debug, Serialize)]
struct Disagreement {
    cell: CellId,
    found: &'static str,
    tenants: u64,
    #[serde(flatten)]
    step: Step,
}

/// The step that brings a cell into agreement.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", tag = "step", content = "next")]
enum Step {
    /// Give it a state.
    Adopt,
    /// Mark it retired.
    Retire,
    /// A person has to do this.
    Leave(String),
}

impl Step {
    fn text(&self) -> String {
        match self {
            Self::Adopt => "gets a state: active".to_owned(),
            Self::Retire => "is marked retired".to_owned(),
            Self::Leave(next) => next.clone(),
        }
    }
}

impl Sync {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let listing = cells::list(deployment).await?;
        // A move that ends meanwhile is in the pairs then.
        let appointed = moves_to_standby(deployment).await?;
        let counted = Counted::read(deployment).await?;
        let new = listing.cells.iter().filter(|cell| cell.state.is_none()).map(|cell| stamped(cell, &counted));
        let mut found: Vec<Disagreement> = new.collect();
        for (id, state) in &listing.without_config {
            let stood_by = counted.stood_by(id) + appointed.get(id).copied().unwrap_or_default();
            let retired = state.status == CellStatus::Retired;
            let empty = counted.unreadable.is_empty() && counted.of(id).tenants == 0 && stood_by == 0;
            let retire = !retired && (empty || listing.retired.contains(id));
            found.extend(taken_away(id, (counted.of(id).tenants, stood_by), retire, retired));
        }
        match output {
            Output::Json => console.json(&found)?,
            Output::Table => {
                let mut table = table(&["cell", "found", "tenants", "step"]);
                for Disagreement { cell, found, tenants, step } in &found {
                    table.add_row([cell.as_str(), found, &tenants.to_string(), &step.text()]);
                }
                console.rows(&table)?;
            }
        }
        let (left, steps): (Vec<_>, Vec<_>) = found.iter().partition(|found| matches!(found.step, Step::Leave(_)));
        let mut troubles = Vec::new();
        if !self.dry_run && !steps.is_empty() {
            let by = self.by.sign(console)?;
            let names: Vec<&str> = steps.iter().map(|step| step.cell.as_str()).collect();
            let record = audit::begin(deployment, &by, "cells sync", names.join(","), Facts::default()).await?;
            for Disagreement { cell, step, .. } in &steps {
                let applied = apply(deployment, &by, cell, step, &counted, listing.without_config.get(cell)).await;
                troubles.extend(applied.err().map(|error| error.to_string()));
            }
            let done = Facts::default().count("cells", (steps.len() - troubles.len()) as u64);
            record.end(Facts::default(), done, &troubles).await?;
        }
        for trouble in troubles.iter().chain(&counted.unreadable) {
            console.say(trouble);
        }
        if found.is_empty() {
            console.say("Terraform and cellctl agree on every cell");
        } else {
            let (would, done) = (if self.dry_run { "would be " } else { "" }, steps.len() - troubles.len());
            console
                .say(format_args!("{done} cells {would}brought into agreement, {} left", left.len() + troubles.len()));
        }
        Ok(Completion::of(left.is_empty() && troubles.is_empty() && counted.unreadable.is_empty()))
    }
}

async fn apply(
    deployment: &Deployment,
    by: &Signature,
    cell: &CellId,
    step: &Step,
    counted: &Counted,
    state: Option<&CellState>,
) -> Result<(), StateError> {
    match (step, state) {
        (Step::Adopt, _) => {
            let counts = counted.of(cell);
            let state = CellState {
                tenants: counts.tenants,
                placed: counts.placed,
                reason: Some(by.reason.clone()),
                updated_by: Some(by.operator.clone()),
                updated_at: Some(deployment.clock.wall_ms()),
                ..CellState::default()
            };
            create_state(&deployment.dynamodb, &deployment.registry(), cell, &state).await
        }
        (Step::Retire, Some(state)) => {
            let order = Change::new(cell, state, CellStatus::Retired);
            change(deployment, by, &order).await.map(drop)
        }
        (Step::Retire, None) | (Step::Leave(_), _) => Ok(()),
    }
}

fn stamped(cell: &Cell, counted: &Counted) -> Disagreement {
    let tenants = counted.of(&cell.id).tenants;
    let step = if tenants > 0 { Step::Adopt } else { Step::Leave(format!("cellctl cells bootstrap {}", cell.id)) };
    Disagreement { cell: cell.id.clone(), found: "stamped, without a state", tenants, step }
}

/// Returns what is wrong with a cell that has a state and no configuration.
fn taken_away(id: &CellId, (tenants, stood_by): (u64, u64), retire: bool, retired: bool) -> Vec<Disagreement> {
    let of = |step| Disagreement { cell: id.clone(), found: "a state, without a configuration", tenants, step };
    let mut found = Vec::new();
    if retire {
        found.push(of(Step::Retire));
    }
    if tenants == 0 && stood_by == 0 && !retire && !retired {
        found.push(of(Step::Leave("correct the entries of the map that can't be read".to_owned())));
    }
    if tenants == 0 && stood_by > 0 {
        found.push(of(Step::Leave(format!(
            "{stood_by} tenants of other cells have it as standby, or are about to: put its line back in Terraform, or cellctl \
             tenants set-standby"
        ))));
    }
    if tenants > 0 {
        found.push(of(Step::Leave(format!(
            "its tenants get 503: put its line back in Terraform, or cellctl tenants ls --cell {id}"
        ))));
    }
    found
}

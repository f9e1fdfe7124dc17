//! `cellctl cells recount`

use std::collections::BTreeSet;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::registry::CellState;
use cellstack_store::cells::{Counts, Listing, StateError, set_counts, set_pair};
use clap::Args;
use serde::Serialize;

use crate::audit::{self, Facts};
use crate::cells;
use crate::cells::recount::Counted;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::operator::Routine;

/// Count the tenants of each cell anew, and repair the registry's counts
///
/// Reads the whole map. A count is replaced only if no placement came in between: then it is counted again, three times at
/// most. Exit code 3 if a count could not be repaired, or an entry of the map could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells recount --dry-run
  cellctl cells recount alpha beta
  cellctl cells recount")]
pub(super) struct Recount {
    /// The cells; all unless given
    #[arg(value_name = "CELL")]
    cells: Vec<CellId>,
    #[command(flatten)]
    by: Routine,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Counts of the map, at most.
const ROUNDS: usize = 3;

/// A count that differs from the map's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Difference {
    cell: CellId,
    /// The standby, where the count is that of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    standby: Option<CellId>,
    registry: Counts,
    map: Counts,
    #[serde(skip)]
    rev: u64,
}

impl Difference {
    fn trouble(&self) -> String {
        format!(
            "cell {}: tenants are being placed just now; count again when it is quiet: cellctl cells recount {}",
            self.cell, self.cell
        )
    }
}

fn differences(listing: &Listing, counted: &Counted) -> Vec<Difference> {
    let of_cell = |id: &CellId, state: &CellState| Difference {
        cell: id.clone(),
        standby: None,
        registry: Counts { tenants: state.tenants, placed: state.placed },
        map: counted.of(id),
        rev: state.rev,
    };
    let cells = listing.cells.iter().filter_map(|cell| Some(of_cell(&cell.id, cell.state.as_ref()?)));
    let pairs: BTreeSet<_> = listing.pairs.keys().chain(counted.pairs.keys()).collect();
    let count = |tenants: Option<&u64>| Counts { tenants: tenants.copied().unwrap_or_default(), placed: 0 };
    let of_pair = |pair: &(CellId, CellId)| Difference {
        cell: pair.0.clone(),
        standby: Some(pair.1.clone()),
        registry: count(listing.pairs.get(pair)),
        map: count(counted.pairs.get(pair)),
        rev: 0,
    };
    cells.chain(pairs.into_iter().map(of_pair)).filter(|difference| difference.registry != difference.map).collect()
}

impl Recount {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        cells::named(deployment, &self.cells).await?;
        let (mut found, unreadable) = self.look(deployment).await?;
        print(&found, output, console)?;
        for reason in &unreadable {
            console.say(format_args!("left out: {reason}"));
        }
        let all = found.len();
        if all == 0 {
            console.say("every count agrees with the map");
        } else if self.dry_run {
            console.say(format_args!("{all} counts would be repaired"));
        } else {
            let by = self.by.sign(console)?;
            let before = Facts::default().count("differences", all as u64);
            let record = audit::begin(deployment, &by, "cells recount", self.scope(), before).await?;
            for round in 0..ROUNDS {
                if round > 0 {
                    found = self.look(deployment).await?.0;
                }
                found = repair(deployment, found).await?;
                if found.is_empty() {
                    break;
                }
            }
            let troubles: Vec<String> = found.iter().map(Difference::trouble).collect();
            record.end(Facts::default().count("differences", found.len() as u64), Facts::default(), &troubles).await?;
            console.say(format_args!("{} counts repaired", all.saturating_sub(found.len())));
            for trouble in troubles {
                console.say(trouble);
            }
        }
        Ok(Completion::of(unreadable.is_empty() && (found.is_empty() || self.dry_run)))
    }

    fn scope(&self) -> String {
        let names: Vec<&str> = self.cells.iter().map(CellId::as_str).collect();
        if names.is_empty() { "all cells".to_owned() } else { names.join(",") }
    }

    /// Reads the counts first: a placement that comes after them, and is in the map, makes the repair fail.
    async fn look(&self, deployment: &Deployment) -> Result<(Vec<Difference>, Vec<String>)> {
        let listing = cells::list(deployment).await?;
        let counted = Counted::read(deployment).await?;
        let mut found = differences(&listing, &counted);
        found.retain(|difference| self.cells.is_empty() || self.cells.contains(&difference.cell));
        Ok((found, counted.unreadable))
    }
}

/// Repairs counts. Returns those that have changed meanwhile.
async fn repair(deployment: &Deployment, found: Vec<Difference>) -> Result<Vec<Difference>> {
    let (client, registry) = (&deployment.dynamodb, deployment.registry());
    let mut left = Vec::new();
    for difference in found {
        let Difference { cell, standby, registry: was, map, rev } = &difference;
        let repaired = match standby {
            None => set_counts(client, &registry, cell, *rev, *map).await,
            Some(standby) => set_pair(client, &registry, (cell, standby), was.tenants, map.tenants).await,
        };
        match repaired {
            Ok(()) => {}
            Err(StateError::Failed(failure)) => return Err(failure.into()),
            Err(_) => left.push(difference),
        }
    }
    Ok(left)
}

fn print(found: &[Difference], output: Output, console: &mut Console) -> Result<()> {
    if output == Output::Json {
        return console.json(&found);
    }
    let mut table = table(&["cell", "standby", "tenants counted", "in the map", "weight counted", "in the map"]);
    for Difference { cell, standby, registry, map, .. } in found {
        let counts = [registry.tenants, map.tenants].map(|count| count.to_string());
        let weights = match standby {
            None => [registry.placed, map.placed].map(|weight| weight.to_string()),
            Some(_) => ["-", "-"].map(ToOwned::to_owned),
        };
        let names = [cell.to_string(), standby.as_ref().map_or("-", CellId::as_str).to_owned()];
        table.add_row(names.into_iter().chain(counts).chain(weights));
    }
    console.rows(&table)
}

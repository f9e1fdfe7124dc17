//! `cellctl cells retire`

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use cellstack_core::CellId;
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_store::cells::{Cell, Listing};
use cellstack_store::events::undone;
use clap::Args;
use serde::Serialize;

use crate::audit::Signature;
use crate::cells;
use crate::cells::marking::{Change, said, set, stated};
use crate::cells::queue::size;
use crate::cells::recount::{Counted, moves_to_standby};
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::dlq::{Filter, queues};
use crate::operator::Operator;

/// Retire an empty cell, so that Terraform may take it away
///
/// Refused while tenants are in the cell, or have it as their standby or get it by a move, messages are in its queue, letters in
/// its dead-letter queues, or events in its table that are not done. Lists all of these at once, each with what to do about
/// it. Exit code 1 then. A cell that is active is draining first, so that no tenant comes meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells retire delta --reason 'no longer needed' --dry-run
  cellctl cells retire delta --reason 'no longer needed'")]
pub(super) struct Retire {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    by: Operator,
    /// Look, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Events that are counted until a refusal.
const ENOUGH: u64 = 1_000;

/// Something that is still in a cell.
#[derive(Debug, Serialize)]
struct Obstacle {
    what: &'static str,
    count: String,
    next: String,
}

impl Retire {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let listing = cells::list(deployment).await?;
        let (cell, state) = stated(&listing, &self.cell)?;
        let before = state.status;
        if before == CellStatus::Retired {
            console.say(format_args!("cell {} is retired already, {}", self.cell, said(state)));
            return Ok(Completion::Done);
        }
        if !matches!(before, CellStatus::Active | CellStatus::Draining | CellStatus::Down) {
            let (id, found) = (&self.cell, before.as_str());
            let next = if before == CellStatus::Full { "drain" } else { "up" };
            bail!("cell {id} is {found}; expected active, draining or down: `cellctl cells {next} {id}`");
        }
        let obstacles = obstacles(deployment, &listing, cell, state.tenants).await?;
        if !obstacles.is_empty() {
            match output {
                Output::Json => console.json(&obstacles)?,
                Output::Table => {
                    let mut table = table(&["still there", "count", "next"]);
                    for Obstacle { what, count, next } in &obstacles {
                        table.add_row([*what, count, next]);
                    }
                    console.print(table)?;
                }
            }
            let names: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.what).collect();
            bail!(
                "cell {} is not empty; expected no tenants, messages, letters and unprocessed events, found {}",
                self.cell,
                names.join(", ")
            );
        }
        if output == Output::Json {
            console.json(&obstacles)?;
        }
        if self.dry_run {
            console.say(format_args!("cell {} is empty and would be retired", self.cell));
        } else {
            let empty = self.close(deployment, &by, state).await?;
            set(deployment, &by, "cells retire", &Change::new(&self.cell, &empty, CellStatus::Retired)).await?;
            console.say(format_args!(
                "cell {0} is retired. Next: deletion_protection = false and retire = [\"{0}\"] in Terraform",
                self.cell
            ));
        }
        Ok(Completion::Done)
    }
}

impl Retire {
    /// Closes an active cell, and looks again: a tenant may have been placed until then. Returns the state that it has now.
    async fn close(&self, deployment: &Deployment, by: &Signature, before: &CellState) -> Result<CellState> {
        if before.status != CellStatus::Active {
            return Ok(before.clone());
        }
        let order = Change::new(&self.cell, before, CellStatus::Draining);
        let marked_at = set(deployment, by, "cells retire", &order).await?;
        let moves = moves_to_standby(deployment).await?.remove(&self.cell).unwrap_or_default();
        let listing = cells::list(deployment).await?;
        let (_, state) = stated(&listing, &self.cell)?;
        let stood_by = stands_by_for(&listing, &self.cell);
        if state.tenants + stood_by + moves > 0 {
            bail!(
                "cell {0} was empty, and got {1} tenants, stands by for {stood_by}, and for {moves} that are being moved, \
                 meanwhile; it is draining now: `cellctl cells drain {0}`",
                self.cell,
                state.tenants
            );
        }
        Ok(CellState { status: CellStatus::Draining, updated_at: Some(marked_at), ..state.clone() })
    }
}

fn stands_by_for(listing: &Listing, cell: &CellId) -> u64 {
    listing.pairs.iter().filter(|((_, standby), _)| standby == cell).map(|(_, count)| count).sum()
}

/// Returns what carries home the events that a cell holds: it may hold some for a home that no longer has it as a standby.
fn carries_home(pairs: &BTreeMap<(CellId, CellId), u64>, cell: &CellId) -> String {
    let homes = pairs.iter().filter(|((_, standby), count)| standby == cell && **count > 0);
    let commands: Vec<String> = homes.map(|((home, _), _)| format!("cellctl cells up {home}")).collect();
    if commands.is_empty() { "cellctl cells up HOME".to_owned() } else { commands.join(", ") }
}

async fn obstacles(deployment: &Deployment, listing: &Listing, cell: &Cell, counted: u64) -> Result<Vec<Obstacle>> {
    let id = &cell.id;
    let moves = moves_to_standby(deployment).await?.remove(id).unwrap_or_default();
    // The map decides: a count may be wrong.
    let map = Counted::read(deployment).await?;
    let (tenants, unreadable) = (map.of(id).tenants, map.unreadable.len() as u64);
    let stood_by = map.stood_by(id);
    let mut found = Vec::new();
    let mut add = |what, count: u64, next: String| {
        if count > 0 {
            found.push(Obstacle { what, count: count.to_string(), next });
        }
    };
    add("tenants", tenants, format!("cellctl cells drain {id}; cellctl tenants ls --cell {id}"));
    add(
        "tenants that it stands by for",
        stood_by,
        format!("cellctl cells show {id}; cellctl tenants set-standby TENANT CELL"),
    );
    add("moves that make it a standby", moves, "cellctl moves ls --under-way; wait, or abort them".to_owned());
    let miscounted = counted.abs_diff(tenants) + stands_by_for(listing, id).abs_diff(stood_by);
    add("tenants that are counted wrongly", miscounted, "cellctl cells recount".to_owned());
    add("entries of the map that can't be read", unreadable, "cellctl cells recount names them".to_owned());
    let messages = size(&deployment.sqs, &cell.config.queue_url).await?.total();
    add("messages", messages, "wait until the consumer has them".to_owned());
    let mut dead_letters = 0;
    for queue in queues(deployment, std::slice::from_ref(cell), &Filter::default()) {
        dead_letters += queue.size().await?.total();
    }
    add("dead letters", dead_letters, format!("cellctl dlq ls --cell {id}; redrive or purge them"));
    let undone = undone(&deployment.dynamodb, &cell.config.table, None, ENOUGH).await?;
    if undone.count > 0 {
        let home = carries_home(&map.pairs, id);
        let next = format!("wait until they are processed, or carried home: {home}; cellctl dlq ls --cell {id}");
        found.push(Obstacle { what: "events that are not done", count: undone.to_string(), next });
    }
    Ok(found)
}

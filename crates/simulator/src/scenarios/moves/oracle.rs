//! The check of the final state.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::EventStatus;
use cellstack_core::event::rfc3339;
use cellstack_core::fence::FENCE_SHARDS;
use cellstack_embedded::names::Ordering;
use cellstack_router::Standby;

use super::callers::Acknowledged;
use super::draw::{CELLS, Drawn};
use super::run::{Marked, World};
use super::runs::cellctl;
use crate::oracle::final_state::{Event, FinalState};
use crate::oracle::journal::Journal;

/// Time between two looks at whether all is at rest.
const LOOK: Duration = Duration::from_secs(60);
/// Looks until the run counts as one that does not come to rest: a message that failed is hidden for minutes, and letters
/// are redriven in between.
const LOOKS: usize = 60;

/// Waits until every event is processed, with redrives of what was dead-lettered while services failed.
pub(super) async fn rested(world: &World, ordering: Ordering) -> Result<()> {
    for look in 0..LOOKS {
        tokio::time::sleep(LOOK).await;
        let state = FinalState::take(&world.stack, ordering, &world.trace).await?;
        world.lettered.borrow_mut().extend(state.dead_letters.keys().cloned());
        let is_open = |event: &Event| {
            matches!(event.status(), EventStatus::Accepted | EventStatus::Failed) && owner(world, &state, event)
        };
        if !state.events.values().any(is_open) && state.left.is_empty() {
            return Ok(());
        }
        if look % 5 == 4 {
            let line = "dlq redrive --rate 50 --max-attempts 99 --operator ann --reason simulated";
            cellctl(&world.stack, &world.trace, "ann", line, None).await;
        }
    }
    world.wrong("the run does not come to rest".to_owned());
    Ok(())
}

/// Returns whether an event is in the cell that has its tenant.
fn owner(world: &World, state: &FinalState, event: &Event) -> bool {
    let cells = world.stack.cells();
    state.routes.get(event.record.tenant_id.as_str()).map(String::as_str) == cells.get(event.cell).map(|id| id.as_str())
}

/// Checks that each tenant is in one cell with all its events, each processed once, and nowhere else.
pub(super) async fn check(world: &World, drawn: &Drawn) -> Result<()> {
    let state = FinalState::take(&world.stack, drawn.ordering, &world.trace).await?;
    acknowledged(world, &state);
    copies(world, &state);
    totals(world, &state);
    fences(world, &state);
    let journal = Journal::read(&world.stack, Standby::Hold).await?;
    held(world, &state, &journal);
    if drawn.ordering == Ordering::Tenant {
        order(world, &state, &journal);
    }
    let (_, counts) = cellctl(&world.stack, &world.trace, "ann", "cells recount --dry-run --output json", None).await;
    if counts.trim() != "[]" {
        world.wrong(format!("the counts of the registry are wrong: {counts}"));
    }
    Ok(())
}

fn acknowledged(world: &World, state: &FinalState) {
    for ((tenant, name), Acknowledged { id, .. }) in world.acknowledged.borrow().iter() {
        let tenant = world.tenants[*tenant].as_str();
        let found = (0..CELLS).filter_map(|cell| state.events.get(&(tenant.to_owned(), *id, cell)));
        let found: Vec<&Event> = found.collect();
        let at_home = found.iter().find(|event| owner(world, state, event));
        if at_home.is_none_or(|event| event.status() != EventStatus::Processed) {
            let where_is: Vec<String> =
                found.iter().map(|event| format!("{} in {}", event.status(), event.cell)).collect();
            world.wrong(format!("{name} of {tenant} ({id}) was acknowledged, and is {where_is:?}"));
        }
    }
}

/// Checks that other cells have nothing but equal copies, and marks of what was handed over.
fn copies(world: &World, state: &FinalState) {
    for event in state.events.values().filter(|event| !owner(world, state, event)) {
        let (tenant, id) = event.subject();
        let owned =
            state.events.values().find(|owned| owned.subject() == event.subject() && owner(world, state, owned));
        let is_fine = match event.status() {
            EventStatus::Processed => owned.is_some_and(|owned| owned.record == event.record),
            EventStatus::Failed | EventStatus::Carried => owned.is_some(),
            EventStatus::Accepted | EventStatus::Held => false,
        };
        if !is_fine {
            let (status, cell) = (event.status(), event.cell);
            let other = owned.map(|owned| owned.status());
            world.wrong(format!("{id} of {tenant} is {status} in {cell}, and {other:?} in its tenant's cell"));
        }
    }
}

fn totals(world: &World, state: &FinalState) {
    for tenant in &world.tenants {
        let is_processed = |event: &&Event| {
            event.record.tenant_id == *tenant && owner(world, state, event) && event.status() == EventStatus::Processed
        };
        let processed = state.events.values().filter(is_processed).count() as u64;
        let cells = world.stack.cells();
        let home = state.routes.get(tenant.as_str());
        let number = cells.iter().position(|cell| home.is_some_and(|home| home == cell.as_str())).unwrap_or(CELLS);
        let items = state.items.get(&(number, tenant.to_string()));
        let total = items.and_then(|items| items.get("total#order"));
        let count = total.and_then(|total| total.get("count")?.as_n().ok()?.parse().ok()).unwrap_or(0_u64);
        if count != processed {
            world.wrong(format!("{tenant} has {processed} processed events, and {count} in its total"));
        }
    }
}

/// Checks that the tenant's cell is the only one whose fence is open, in all of its shards.
fn fences(world: &World, state: &FinalState) {
    let cells = world.stack.cells();
    for tenant in &world.tenants {
        let home = state.routes.get(tenant.as_str());
        let mut open = BTreeSet::new();
        let mut shards = 0;
        for ((cell, of, _), (_, fence)) in &state.fences {
            if of == tenant.as_str() && fence == "open" {
                open.insert(cells[*cell].as_str());
                shards += 1;
            }
        }
        let is_home = home.is_some_and(|home| open.iter().eq([home.as_str()].iter()));
        if !is_home || shards != FENCE_SHARDS {
            world.wrong(format!("{tenant} is in {home:?}; {shards} shards of fences are open, in {open:?}"));
        }
    }
}

/// Checks that no standby held an event that was first sent when it knew that the mark-down had ended.
fn held(world: &World, state: &FinalState, journal: &Journal) {
    let Marked { up, .. } = world.marked.borrow().clone().unwrap_or_default();
    for ((tenant, name), Acknowledged { id, begun, .. }) in world.acknowledged.borrow().iter() {
        let held = journal.held.get(&(world.tenants[*tenant].to_string(), *id));
        if held.is_some_and(|standby| state.ended.contains(standby)) && *begun >= up.end {
            world.wrong(format!("{name} of t{tenant} ({id}) was held after the mark-down had ended"));
        }
    }
}

/// Checks that events were processed in the order in which their caller got them acknowledged. What was handed over or held goes
/// by the routers' clocks, and these jump here; what was dead-lettered goes when it is redriven. While routers
/// disagree about a cell that was just marked, a new event of one of its tenants may overtake those that are still held.
fn order(world: &World, state: &FinalState, journal: &Journal) {
    let Marked { down, up } = world.marked.borrow().clone().unwrap_or_default();
    let is_disputed = |at: &Duration| down.contains(at) || up.contains(at);
    let is_carried = |event: &Event| journal.carried.contains(&event.subject());
    let was_held = |event: &Event| journal.held.contains_key(&event.subject());
    for (number, tenant) in world.tenants.iter().enumerate() {
        let acknowledged = world.acknowledged.borrow();
        let mut own: Vec<_> =
            acknowledged.iter().filter(|((of, _), _)| *of == number).map(|(_, event)| (event.at, event.id)).collect();
        own.sort();
        let mut last: Option<&Event> = None;
        for (acknowledged_at, id) in own {
            let event = state.events.values().find(|event| {
                event.record.tenant_id == *tenant && event.record.id() == id && owner(world, state, event)
            });
            let Some(event) = event.filter(|event| !world.lettered.borrow().contains(&event.subject())) else {
                continue;
            };
            let Some(before) = last.filter(|last| last.record.processed_at > event.record.processed_at) else {
                last = Some(event);
                continue;
            };
            let by_clocks = before.record.accepted_at >= event.record.accepted_at;
            let is_excused = match (is_carried(before), is_carried(event)) {
                (true, _) => by_clocks || was_held(before) && is_disputed(&acknowledged_at),
                (false, carried) => carried,
            };
            if !is_excused {
                let way = |event: &Event| if is_carried(event) { "carried" } else { "direct" };
                let at = |event: &Event| {
                    let [accepted, processed] =
                        [event.record.accepted_at, event.record.processed_at.unwrap_or_default()];
                    format!("{}, accepted at {}, processed at {}", way(event), rfc3339(accepted), rfc3339(processed))
                };
                world.wrong(format!(
                    "{id} of {tenant} ({}) was processed before {} ({}), which was acknowledged earlier",
                    at(event),
                    before.record.id(),
                    at(before)
                ));
            }
        }
    }
}

//! The properties: of each state, and of each state in which the move has ended.

use crate::state::{EVENTS, Side, State, Status};

/// Returns the property that a state breaks.
#[must_use]
pub fn broken(state: &State) -> Option<&'static str> {
    let accepts = |side| state.cell(side).fence.iter().any(|fence| fence.is_open);
    if state.is_breached {
        return Some("I3: a write has landed that the cell's fence does not let pass");
    }
    if Side::BOTH.into_iter().all(accepts) {
        return Some("I4: both cells accept the tenant's events");
    }
    if state.processed.iter().any(|times| *times > 1) {
        return Some("I2: an event was processed twice");
    }
    if state.record.phase.is_ended() { (0..EVENTS).find_map(|event| misplaced(state, event)) } else { None }
}

/// Returns the property that an acknowledged event breaks after the move.
fn misplaced(state: &State, event: usize) -> Option<&'static str> {
    let owner = state.cell(state.map.side);
    if !state.acknowledged[event] {
        return None;
    }
    if state.cell(state.map.side.other()).events[event] == Status::Accepted {
        return Some("I4: a cell that does not have the tenant is going to process an acknowledged event");
    }
    let effects = match owner.events[event] {
        Status::Absent => return Some("I1: the owner lacks an acknowledged event"),
        Status::Carried => return Some("I5: the owner is never going to process an acknowledged event"),
        Status::Failed if !state.refused[event] => {
            return Some("I5: the owner has forgotten that an event was redriven");
        }
        Status::Accepted | Status::Failed => 0,
        Status::Processed => 1,
    };
    if owner.effects[event] != effects {
        return Some("I2: the owner's projection does not have the effects of its events");
    }
    (state.processed[event] != effects).then_some("I2: an event that is to be processed was processed before")
}

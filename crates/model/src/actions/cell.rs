//! The cells at work, and the operator's other commands: redrive and purge.

use super::{Action, Model, Next};
use crate::state::{Cell, EVENTS, Phase, Side, State, Status};

impl Model {
    pub(super) fn cell_actions(&self, state: &State, found: &mut Vec<Next>) {
        for side in Side::BOTH {
            for event in 0..self.events {
                let cell = state.cell(side);
                if cell.events[event] == Status::Accepted {
                    found.push((Action::Process(side, event), process(state, side, event)));
                }
                if self.failures && cell.events[event] == Status::Accepted {
                    found.push((Action::Fail(side, event), marked(state, side, event, Status::Failed)));
                }
                if cell.events[event] == Status::Failed && cell.fence[event].is_open {
                    found.push((Action::Redrive(side, event), marked(state, side, event, Status::Accepted)));
                }
            }
        }
        if state.record.phase.is_ended() && !state.record.is_purged {
            found.extend(purge(state).map(|next| (Action::Purge, next)));
        }
    }
}

fn marked(state: &State, side: Side, event: usize, status: Status) -> State {
    let mut next = *state;
    next.cell_mut(side).events[event] = status;
    next.refused[event] = status == Status::Failed;
    next
}

/// Processes an event: the effect and the mark are one transaction. A count that is too high stays so.
fn process(state: &State, side: Side, event: usize) -> State {
    let mut next = marked(state, side, event, Status::Processed);
    let effects = &mut next.cell_mut(side).effects[event];
    *effects = (*effects + 1).min(2);
    next.processed[event] = (next.processed[event] + 1).min(2);
    next
}

/// Deletes the copy, if the owner has all of its events.
fn purge(state: &State) -> Option<State> {
    let of = if state.record.phase == Phase::Flipped { Side::Source } else { Side::Destination };
    let owner = state.cell(of.other());
    let lacks = |(copy, owned): (&Status, &Status)| *copy != Status::Absent && *owned == Status::Absent;
    if state.cell(of).events.iter().zip(&owner.events).any(lacks) {
        return None;
    }
    let mut next = *state;
    next.record.is_purged = true;
    let Cell { events, effects, .. } = next.cell_mut(of);
    (*events, *effects) = ([Status::Absent; EVENTS], [0; EVENTS]);
    Some(next)
}

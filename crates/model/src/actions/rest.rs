//! The copy: what can't change any more, without a check of the record, and the rest, under one.

use super::{Action, Model, Next};
use crate::mistake::Mistake;
use crate::run::{Rest, Run, Step};
use crate::state::{EVENTS, Phase, Side, State, Status};

const NONE: [bool; EVENTS] = [false; EVENTS];
const NOTHING: [Status; EVENTS] = [Status::Absent; EVENTS];

/// An event that differs between the cells.
enum Difference {
    /// The destination gets the source's item.
    Put(Status),
    /// The destination's item is in the way.
    Delete,
    /// The source has not processed it.
    NotDone,
}

impl Model {
    pub(super) fn copy_actions(&self, state: &State, at: usize, found: &mut Vec<Next>) {
        let run = state.runs[at];
        for event in 0..EVENTS {
            if run.copies[event] != Status::Absent {
                found.push((Action::Put(at, event), put(state, at, event)));
            }
        }
        let needs_rest = run.step.needs_rest() && run.rest.is_none();
        if run.is_copying() || !(needs_rest || run.step == Step::Copy) {
            return;
        }
        let knows_nothing = run.known == NOTHING && !run.has_copied;
        let mut next = *state;
        if needs_rest && (run.is_complete || !knows_nothing) {
            let rest = read_rest(state, &run);
            // They stay open: frozen events are read once more.
            next.runs[at].open = if run.is_complete { rest.keys } else { NONE };
            next.runs[at].rest = Some(rest);
            next.runs[at].has_copied = false;
            found.push((Action::ReadRest(at), next));
            return;
        }
        found.push((Action::Round(at), self.round(state, at)));
        if run.step == Step::Copy {
            found.push((Action::Follow(at), self.follow(state, at)));
        }
    }

    /// Reads both cells. Remembers what both have in its last status, and copies what the destination lacks. A round that begins
    /// when no router can write without the journal is the last that reads all: from then on what is open is remembered.
    fn round(&self, state: &State, at: usize) -> State {
        let run = state.runs[at];
        let is_complete = run.step == Step::Copy && self.writes_are_journaled(state);
        let all = state.cell(Side::Source).events.map(|status| status != Status::Absent);
        let (known, copies) = self.read(state, all);
        let open = std::array::from_fn(|event| is_complete && all[event] && known[event] == Status::Absent);
        let known = if is_complete { NOTHING } else { known };
        let mut next = *state;
        next.runs[at] = Run { known, copies, has_copied: run.step != Step::Copy, is_complete, open, ..run };
        next
    }

    /// Reads the journal, and in both cells these events and the open ones. What both have in its last status leaves the
    /// journal. Before the last round nothing of it is remembered, since that reads all, and what it copies a round can copy.
    fn follow(&self, state: &State, at: usize) -> State {
        let mut next = *state;
        let run = &mut next.runs[at];
        let open = either(run.open, state.journal);
        let (known, copies) = self.read(state, open);
        let is_left = known.map(|status| status == Status::Absent);
        if run.is_complete {
            (run.open, run.copies) = (both(open, is_left), copies);
        }
        next.journal = both(state.journal, is_left);
        next
    }

    /// Reads events in both cells. Returns those that both have in their last status, and those that are copied.
    fn read(&self, state: &State, events: [bool; EVENTS]) -> ([Status; EVENTS], [Status; EVENTS]) {
        let (mine, theirs) = (state.cell(Side::Source).events, state.cell(Side::Destination).events);
        let (mut known, mut copies) = (NOTHING, NOTHING);
        for event in (0..EVENTS).filter(|event| events[*event]) {
            let is_final = match mine[event] {
                Status::Processed => true,
                Status::Carried => self.has(Mistake::FrozenCopied),
                Status::Absent | Status::Accepted | Status::Failed => false,
            };
            let is_copied = is_final || (mine[event] == Status::Failed && self.has(Mistake::FailedCopied));
            if is_final && mine[event] == theirs[event] {
                known[event] = mine[event];
            } else if is_copied && theirs[event] == Status::Absent {
                copies[event] = mine[event];
            }
        }
        (known, copies)
    }

    fn differences(&self, state: &State, rest: &Rest) -> [Option<Difference>; EVENTS] {
        let (mine, theirs) = (state.cell(Side::Source).events, state.cell(Side::Destination).events);
        std::array::from_fn(|event| {
            let (mine, theirs) = (mine[event], theirs[event]);
            match mine {
                _ if !rest.keys[event] || self.has(Mistake::RestSkipped) => None,
                _ if rest.frozen[event] => (theirs != Status::Absent).then_some(Difference::Delete),
                _ if mine == theirs => None,
                Status::Accepted if self.has(Mistake::FlipBeforeDrain) => None,
                Status::Accepted if self.has(Mistake::PendingCopied) => Some(Difference::Put(mine)),
                Status::Accepted => Some(Difference::NotDone),
                mine => Some(Difference::Put(mine)),
            }
        })
    }

    /// Writes into the destination what the rest lacks there, on condition that the run has the move. The projection is
    /// copied whole.
    pub(super) fn copy_rest(&self, state: &State, at: usize) -> Option<State> {
        let rest = state.runs[at].rest?;
        let mut next = *state;
        next.runs[at].step = Step::Compare;
        if self.has_no_difference(state, at) {
            return Some(next);
        }
        if !self.holds(state, at, &[Phase::Fenced, Phase::Carrying, Phase::Drained]) {
            return None;
        }
        let there = next.cell_mut(Side::Destination);
        for (event, difference) in self.differences(state, &rest).into_iter().enumerate() {
            match difference {
                Some(Difference::Put(status)) => there.events[event] = status,
                Some(Difference::Delete) => there.events[event] = Status::Absent,
                Some(Difference::NotDone) | None => {}
            }
        }
        there.effects = state.cell(Side::Source).effects;
        Some(next)
    }

    pub(super) fn has_no_difference(&self, state: &State, at: usize) -> bool {
        let rest = state.runs[at].rest.unwrap_or_default();
        let is_equal = state.cell(Side::Source).effects == state.cell(Side::Destination).effects;
        self.differences(state, &rest).iter().all(Option::is_none) && (is_equal || self.has(Mistake::RestSkipped))
    }
}

/// Lets an item of a round arrive, on condition that the destination does not have it.
fn put(state: &State, at: usize, event: usize) -> State {
    let mut next = *state;
    let copy = std::mem::take(&mut next.runs[at].copies[event]);
    let there = &mut next.cell_mut(Side::Destination).events[event];
    if *there == Status::Absent {
        *there = copy;
    }
    next
}

fn either(one: [bool; EVENTS], other: [bool; EVENTS]) -> [bool; EVENTS] {
    std::array::from_fn(|event| one[event] || other[event])
}

fn both(one: [bool; EVENTS], other: [bool; EVENTS]) -> [bool; EVENTS] {
    std::array::from_fn(|event| one[event] && other[event])
}

fn read_rest(state: &State, run: &Run) -> Rest {
    let mine = state.cell(Side::Source).events;
    let named = either(run.open, state.journal);
    let is_read = |event: usize| !run.is_complete || named[event];
    let is_new = |event: usize| mine[event] != Status::Absent && run.known[event] != mine[event];
    let keys = std::array::from_fn(|event| is_read(event) && is_new(event));
    let those = |status| std::array::from_fn(|event| keys[event] && mine[event] == status);
    Rest { keys, pending: those(Status::Accepted), frozen: those(Status::Carried) }
}

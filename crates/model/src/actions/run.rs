//! Runs of a move, step by step as in cellctl's `moving/engine.rs` and the store's `moves`.

use super::{Action, Model, Next};
use crate::mistake::Mistake;
use crate::run::{Run, Step};
use crate::state::{BEFORE, EVENTS, Guard, Phase, RouteState, SHARDS, Side, State, Status};

const NONE: [bool; EVENTS] = [false; EVENTS];

impl Model {
    pub(super) fn run_actions(&self, state: &State, found: &mut Vec<Next>) {
        if state.record.phase == Phase::Planned {
            let mut next = *state;
            next.map.state = RouteState::Moving;
            next.record.phase = Phase::Moving;
            next.runs[0] = Run::of(Phase::Moving, false);
            found.push((Action::Begin(0), next));
        }
        for at in 0..self.runs {
            if state.runs[at].step == Step::Off {
                if state.record.phase.is_under_way() {
                    let mut next = *state;
                    next.record.run = at;
                    next.runs[at] = Run::of(state.record.phase, state.record.carries);
                    found.push((Action::TakeOver(at), next));
                }
                continue;
            }
            // A step that is refused ends the run in the same way: it has no action of its own.
            found.push((Action::Die(at), with_run(state, at, Run::default())));
            self.copy_actions(state, at, found);
            self.step_actions(state, at, found);
            found.extend(self.give_back(state, at).map(|next| (Action::GiveBack(at), next)));
        }
    }

    /// Returns whether the condition of a step on the record holds.
    pub(super) fn holds(&self, state: &State, at: usize, phases: &[Phase]) -> bool {
        (phases.contains(&state.record.phase) && state.record.run == at) || self.has(Mistake::RecordUnchecked)
    }

    fn step_actions(&self, state: &State, at: usize, found: &mut Vec<Next>) {
        let run = state.runs[at];
        match run.step {
            Step::Off => {}
            Step::Copy if run.is_copying() => {}
            Step::Copy if self.has(Mistake::LeaseNotAwaited) || (run.is_complete && self.is_lease_over(state)) => {
                self.record(state, at, Phase::Fenced, found);
            }
            Step::Copy => {}
            Step::Say => found.push((Action::Say(at), say(state, at))),
            Step::Close => self.close_actions(state, at, found),
            Step::Drain => self.drain_actions(state, at, found),
            Step::FindPending if run.rest.is_some() => {
                let pending = run.rest.unwrap_or_default().pending;
                let listed = Run { list: pending, step: Step::Freeze, ..run };
                found.push((Action::FindPending(at), with_run(state, at, listed)));
            }
            Step::FindPending => {}
            Step::Freeze if run.list == NONE => self.record(state, at, Phase::Drained, found),
            Step::Freeze => freeze_actions(state, at, found),
            Step::CopyRest => found.extend(self.copy_rest(state, at).map(|next| (Action::CopyRest(at), next))),
            Step::Compare if self.has_no_difference(state, at) => self.record(state, at, Phase::Verified, found),
            Step::Compare => {}
            Step::FindFrozen => {
                let frozen = state.cell(Side::Source).events.map(|status| run.carries && status == Status::Carried);
                let listed = Run { list: frozen, step: Step::HandOver, ..run };
                found.push((Action::FindFrozen(at), with_run(state, at, listed)));
            }
            Step::HandOver if run.list == NONE => {
                found.extend(self.flip(state, at).map(|next| (Action::Flip(at), next)));
            }
            Step::HandOver => hand_over_actions(state, at, found),
        }
    }

    fn is_lease_over(&self, state: &State) -> bool {
        !may_write_unfenced(state, self.routers)
    }

    /// Returns whether a run may take it that each write of the tenant goes into the journal.
    pub(super) fn writes_are_journaled(&self, state: &State) -> bool {
        self.is_lease_over(state) || self.has(Mistake::JournalTooEarly)
    }

    /// Records the next phase, on condition that the run has the move, in the phase of its step.
    fn record(&self, state: &State, at: usize, phase: Phase, found: &mut Vec<Next>) {
        if !self.holds(state, at, &[state.runs[at].step.phase()]) {
            return;
        }
        let mut next = *state;
        next.record.phase = phase;
        next.record.carries |= phase == Phase::Carrying;
        let run = &mut next.runs[at];
        // The rest is read anew: frozen events are not pending any more.
        if run.step == Step::Freeze {
            run.rest = None;
        }
        run.enter(phase);
        if phase == Phase::Verified {
            // No later step stands on it.
            next.journal = NONE;
        }
        found.push((Action::Record(at, phase), next));
    }

    /// Closes each shard in a write of its own. A fence of a later epoch ends the run.
    fn close_actions(&self, state: &State, at: usize, found: &mut Vec<Next>) {
        for shard in 0..SHARDS {
            if state.runs[at].list[shard] || state.cell(Side::Source).fence[shard].epoch > BEFORE {
                continue;
            }
            let mut next = *state;
            next.cell_mut(Side::Source).fence[shard].is_open = false;
            let run = &mut next.runs[at];
            run.list[shard] = true;
            let needed = if self.has(Mistake::FenceHalfClosed) { 1 } else { SHARDS };
            if run.list[..needed].iter().all(|closed| *closed) {
                (run.step, run.list) = (Step::Drain, NONE);
            }
            found.push((Action::Close(at, shard), next));
        }
    }

    /// Goes on when the source has processed all. Until then the operator may decide to carry what is left.
    fn drain_actions(&self, state: &State, at: usize, found: &mut Vec<Next>) {
        let Some(rest) = state.runs[at].rest else { return };
        let source = state.cell(Side::Source);
        let is_done = (0..EVENTS).all(|event| !rest.pending[event] || source.events[event] != Status::Accepted);
        if is_done || self.has(Mistake::FlipBeforeDrain) || self.has(Mistake::PendingCopied) {
            self.record(state, at, Phase::Drained, found);
        }
        if rest.pending != NONE {
            self.record(state, at, Phase::Carrying, found);
        }
    }

    fn flip(&self, state: &State, at: usize) -> Option<State> {
        self.end(state, at, &[Phase::Verified], Phase::Flipped, Side::Destination)
    }

    /// Returns the tenant to the source, unless the run knows of frozen events.
    fn give_back(&self, state: &State, at: usize) -> Option<State> {
        let run = state.runs[at];
        if run.carries {
            return None;
        }
        self.end(state, at, &[run.step.phase()], Phase::Aborted, Side::Source)
    }

    /// Ends the move in one transaction over the map, the record and the fence of the cell that has the tenant from now on.
    fn end(&self, state: &State, at: usize, expected: &[Phase], phase: Phase, owner: Side) -> Option<State> {
        let stays_open = expected == [Phase::Moving];
        let epoch = if stays_open { BEFORE } else { BEFORE + 1 };
        let is_in_the_move = state.map.state != RouteState::Active && state.map.epoch == BEFORE;
        let can_open = stays_open || state.cell(owner).fence.iter().all(|fence| fence.epoch < epoch);
        if !self.holds(state, at, expected) || !is_in_the_move || !can_open {
            return None;
        }
        let mut next = with_run(state, at, Run::default());
        (next.map.side, next.map.epoch, next.map.state) = (owner, epoch, RouteState::Active);
        next.record.phase = phase;
        next.journal = NONE;
        if !stays_open {
            for fence in &mut next.cell_mut(owner).fence {
                (fence.epoch, fence.is_open) = (epoch, true);
            }
        }
        Some(next)
    }
}

/// Returns whether a router has, or acts on, a lease from before the move.
fn may_write_unfenced(state: &State, routers: usize) -> bool {
    state.routers[..routers].iter().any(|router| {
        let is_leased = router.is_fresh && router.route.is_some_and(|route| route.state == RouteState::Active);
        is_leased || router.write.is_some_and(|write| write.guard == Guard::Lease)
    })
}

fn with_run(state: &State, at: usize, run: Run) -> State {
    let mut next = *state;
    next.runs[at] = run;
    next
}

/// Writes `fenced` into the map. A map that no longer has the move stays as it is.
fn say(state: &State, at: usize) -> State {
    let mut next = *state;
    next.runs[at].step = Step::Close;
    if state.map.state != RouteState::Active {
        next.map.state = RouteState::Fenced;
    }
    next
}

fn freeze_actions(state: &State, at: usize, found: &mut Vec<Next>) {
    for event in (0..EVENTS).filter(|event| state.runs[at].list[*event]) {
        let mut next = *state;
        next.runs[at].list[event] = false;
        let status = &mut next.cell_mut(Side::Source).events[event];
        if *status == Status::Accepted {
            *status = Status::Carried;
        }
        found.push((Action::Freeze(at, event), next));
    }
}

/// Inserts each frozen event into the destination, unless that has an item of this key.
fn hand_over_actions(state: &State, at: usize, found: &mut Vec<Next>) {
    for event in (0..EVENTS).filter(|event| state.runs[at].list[*event]) {
        let mut next = *state;
        next.runs[at].list[event] = false;
        let status = &mut next.cell_mut(Side::Destination).events[event];
        if *status == Status::Absent {
            *status = Status::Accepted;
        }
        found.push((Action::HandOver(at, event), next));
    }
}

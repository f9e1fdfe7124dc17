//! Routers: the cached route, its lease, and the guard of a write (`guard` in the router's `operations/post.rs`).

use super::{Action, Model, Next};
use crate::mistake::Mistake;
use crate::state::{Guard, Route, RouteState, Side, State, Status, Write};

impl Model {
    pub(super) fn router_actions(&self, state: &State, found: &mut Vec<Next>) {
        for at in 0..self.routers {
            let router = state.routers[at];
            // A read that changes nothing leads nowhere.
            if !router.is_fresh || router.route != Some(state.map) {
                let mut next = *state;
                (next.routers[at].route, next.routers[at].is_fresh) = (Some(state.map), true);
                found.push((Action::Refresh(at), next));
            }
            if router.is_fresh {
                let mut next = *state;
                next.routers[at].is_fresh = false;
                found.push((Action::LeaseEnds(at), next));
            }
            match (router.write, router.route) {
                (Some(write), _) => found.push((Action::Arrive(at), self.arrive(state, at, write))),
                // It waits until the map says something else.
                (None, None | Some(Route { state: RouteState::Fenced, .. })) => {}
                (None, Some(route)) => {
                    for event in 0..self.events {
                        let mut next = *state;
                        next.routers[at].write = Some(decide(route, router.is_fresh, event));
                        found.push((Action::Send(at, event), next));
                    }
                }
            }
        }
    }

    /// Lets a write arrive. An event that is there already is acknowledged again, in any state of the fence. One that passes
    /// the source's fence goes into the journal.
    fn arrive(&self, state: &State, at: usize, write: Write) -> State {
        let mut next = *state;
        next.routers[at].write = None;
        let cell = next.cell_mut(write.to);
        let fence = cell.fence[write.event];
        let passes = fence.is_open && fence.epoch == write.epoch;
        if cell.events[write.event] != Status::Absent {
            next.acknowledged[write.event] = true;
        } else if passes || write.guard == Guard::Lease {
            cell.events[write.event] = Status::Accepted;
            next.acknowledged[write.event] = true;
            next.is_breached |= !passes;
            next.journal[write.event] |= write.to == Side::Source
                && write.guard == Guard::Fence
                && state.record.phase.stands_on_journal()
                && !self.has(Mistake::JournalNotWritten);
        }
        next
    }
}

fn decide(route: Route, is_fresh: bool, event: usize) -> Write {
    let is_leased = is_fresh && route.state == RouteState::Active;
    let guard = if is_leased { Guard::Lease } else { Guard::Fence };
    Write { event, to: route.side, epoch: route.epoch, guard }
}

//! The actions that lead from a state to the next.

mod cell;
mod rest;
mod router;
mod run;

use std::fmt;

use crate::mistake::Mistake;
use crate::state::{Phase, Side, State};

/// The bounds of an exploration, and the mistake that is planted.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// Events that callers post, at most [`EVENTS`](crate::state::EVENTS).
    pub events: usize,
    /// Routers, at most [`ROUTERS`](crate::state::ROUTERS).
    pub routers: usize,
    /// Runs that can be alive at once, at most [`RUNS`](crate::state::RUNS).
    pub runs: usize,
    /// True if events can fail, and be redriven.
    pub failures: bool,
    /// The mistake.
    pub mistake: Option<Mistake>,
}

/// An action. The numbers are those of routers, runs, events and shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A router reads the map.
    Refresh(usize),
    /// The lease of its route ends, perhaps while it is frozen.
    LeaseEnds(usize),
    /// It decides on the guard of an event, and sends the write.
    Send(usize, usize),
    /// The write arrives.
    Arrive(usize),
    /// A cell processes an event.
    Process(Side, usize),
    /// A cell refuses an event.
    Fail(Side, usize),
    /// An operator redrives a failed event.
    Redrive(Side, usize),
    /// A run begins the move.
    Begin(usize),
    /// A run takes the move over.
    TakeOver(usize),
    /// A run dies, or stops because a step was refused.
    Die(usize),
    /// It reads both cells: a round of the copy.
    Round(usize),
    /// It reads the journal, and the open events in both cells.
    Follow(usize),
    /// An item of a round arrives in the destination.
    Put(usize, usize),
    /// It records the next phase.
    Record(usize, Phase),
    /// It writes `fenced` into the map.
    Say(usize),
    /// It closes a shard of the source's fence.
    Close(usize, usize),
    /// It reads the rest.
    ReadRest(usize),
    /// It reads the events that it is going to freeze.
    FindPending(usize),
    /// It freezes an event.
    Freeze(usize, usize),
    /// It copies the rest.
    CopyRest(usize),
    /// It reads the events that it is going to hand over.
    FindFrozen(usize),
    /// It hands an event over.
    HandOver(usize, usize),
    /// It gives the tenant to the destination.
    Flip(usize),
    /// It gives the tenant back to the source.
    GiveBack(usize),
    /// An operator purges the copy that the move has left.
    Purge,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Side| if *side == Side::Source { "source" } else { "destination" };
        match self {
            Self::Refresh(router) => write!(f, "router {router} reads the map"),
            Self::LeaseEnds(router) => write!(f, "the lease of router {router} ends"),
            Self::Send(router, event) => write!(f, "router {router} sends event {event}"),
            Self::Arrive(router) => write!(f, "the write of router {router} arrives"),
            Self::Process(cell, event) => write!(f, "the {} processes event {event}", side(cell)),
            Self::Fail(cell, event) => write!(f, "the {} marks event {event} failed", side(cell)),
            Self::Redrive(cell, event) => write!(f, "event {event} is redriven in the {}", side(cell)),
            Self::Begin(run) => write!(f, "run {run} begins the move"),
            Self::TakeOver(run) => write!(f, "run {run} takes the move over"),
            Self::Die(run) => write!(f, "run {run} dies"),
            Self::Round(run) => write!(f, "run {run} reads both cells"),
            Self::Follow(run) => write!(f, "run {run} follows the journal"),
            Self::Put(run, event) => write!(f, "the copy that run {run} has read of event {event} arrives"),
            Self::Record(run, phase) => write!(f, "run {run} records {phase:?}"),
            Self::Say(run) => write!(f, "run {run} writes Fenced into the map"),
            Self::Close(run, shard) => write!(f, "run {run} closes shard {shard} of the source's fence"),
            Self::ReadRest(run) => write!(f, "run {run} reads the rest"),
            Self::FindPending(run) => write!(f, "run {run} lists what is pending"),
            Self::Freeze(run, event) => write!(f, "run {run} freezes event {event}"),
            Self::CopyRest(run) => write!(f, "run {run} copies the rest"),
            Self::FindFrozen(run) => write!(f, "run {run} lists what is frozen"),
            Self::HandOver(run, event) => write!(f, "run {run} hands event {event} over"),
            Self::Flip(run) => write!(f, "run {run} flips the map"),
            Self::GiveBack(run) => write!(f, "run {run} gives the tenant back"),
            Self::Purge => f.write_str("the copy is purged"),
        }
    }
}

/// An action that is possible, and the state that it leads to.
pub type Next = (Action, State);

impl Model {
    /// Returns the actions that are possible in a state.
    #[must_use]
    pub fn next(&self, state: &State) -> Vec<Next> {
        let mut found = Vec::with_capacity(32);
        self.router_actions(state, &mut found);
        self.cell_actions(state, &mut found);
        self.run_actions(state, &mut found);
        found
    }

    fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}

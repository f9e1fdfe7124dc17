//! A state of the world: the tenant map, the record, two cells, the routers and the runs.

use crate::run::Run;

/// Event ids, at most. The id chooses the fence's shard.
pub const EVENTS: usize = 2;
/// Shards of a fence.
pub const SHARDS: usize = EVENTS;
/// Routers, at most.
pub const ROUTERS: usize = 2;
/// Runs that can be alive at once.
pub const RUNS: usize = 2;
/// The epoch before the move.
pub const BEFORE: u8 = 1;
/// The epoch after it.
pub const AFTER: u8 = 2;

/// One of the two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The cell that the tenant leaves.
    Source,
    /// The cell that it goes to.
    Destination,
}

impl Side {
    /// Both cells.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Destination];

    /// Returns the other cell.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// The status of an event in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// The cell does not have the event.
    #[default]
    Absent,
    /// It waits to be processed.
    Accepted,
    /// It had its effect.
    Processed,
    /// It was refused. A redrive makes it `Accepted` again.
    Failed,
    /// The move has frozen it, to hand it over.
    Carried,
}

/// A shard of a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The epoch whose events pass.
    pub epoch: u8,
    /// True if they do.
    pub is_open: bool,
}

/// A cell, as one tenant sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The events.
    pub events: [Status; EVENTS],
    /// The projection: the number of times that it counts each event.
    pub effects: [u8; EVENTS],
    /// The shards of the fence.
    pub fence: [Fence; SHARDS],
}

/// The state of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteState {
    /// The cell takes events.
    Active,
    /// It takes them under its fence.
    Moving,
    /// No cell takes them.
    Fenced,
}

/// The map's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The owner.
    pub side: Side,
    /// The epoch.
    pub epoch: u8,
    /// The state. It is `Active` exactly while the entry names no move.
    pub state: RouteState,
}

/// The guard under which a router decided to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// None: the route is fresh and active.
    Lease,
    /// The fence's shard must be open, and of the route's epoch.
    Fence,
}

/// A write on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// The event.
    pub event: usize,
    /// The cell.
    pub to: Side,
    /// The route's epoch.
    pub epoch: u8,
    /// The guard.
    pub guard: Guard,
}

/// A router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Router {
    /// The cached route.
    pub route: Option<Route>,
    /// True while its lease lasts.
    pub is_fresh: bool,
    /// The write that is on its way.
    pub write: Option<Write>,
}

/// The phase on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is on record.
    Planned,
    /// The map says `moving`.
    Moving,
    /// The fence closes, and the source drains.
    Fenced,
    /// Events are frozen.
    Carrying,
    /// The rest is copied.
    Drained,
    /// Both cells are equal.
    Verified,
    /// The destination has the tenant.
    Flipped,
    /// The source has it again.
    Aborted,
}

impl Phase {
    /// Returns whether the move has begun and not ended.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        self > Self::Planned && !self.is_ended()
    }

    /// Returns whether a step of this phase or of a later one reads the journal.
    #[must_use]
    pub const fn stands_on_journal(self) -> bool {
        matches!(self, Self::Moving | Self::Fenced | Self::Carrying | Self::Drained)
    }

    /// Returns whether the move has ended.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Flipped | Self::Aborted)
    }
}

/// The record of the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The phase.
    pub phase: Phase,
    /// True if events were frozen.
    pub carries: bool,
    /// The run that may take steps.
    pub run: usize,
    /// True if the copy that the move has left is deleted.
    pub is_purged: bool,
}

/// A state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The tenant map.
    pub map: Route,
    /// The record.
    pub record: Record,
    /// The cells, in the order of [`Side::BOTH`].
    pub cells: [Cell; 2],
    /// The routers.
    pub routers: [Router; ROUTERS],
    /// Events in the source's journal.
    pub journal: [bool; EVENTS],
    /// The runs. A run's place is its token: a run that begins in the place of a dead one replaces its token on record.
    pub runs: [Run; RUNS],
    /// Events whose callers have a response.
    pub acknowledged: [bool; EVENTS],
    /// The number of times that each event was processed, in any cell.
    pub processed: [u8; EVENTS],
    /// Events that were refused and not redriven since.
    pub refused: [bool; EVENTS],
    /// True if a write has landed that its fence would not have let pass.
    pub is_breached: bool,
}

impl State {
    /// Returns the state before a move: the source has the tenant, and no router knows it.
    #[must_use]
    pub fn first() -> Self {
        let cell = |epoch, is_open| Cell {
            events: [Status::Absent; EVENTS],
            effects: [0; EVENTS],
            fence: [Fence { epoch, is_open }; SHARDS],
        };
        Self {
            map: Route { side: Side::Source, epoch: BEFORE, state: RouteState::Active },
            record: Record { phase: Phase::Planned, carries: false, run: 0, is_purged: false },
            cells: [cell(BEFORE, true), cell(0, false)],
            routers: [Router::default(); ROUTERS],
            journal: [false; EVENTS],
            runs: [Run::default(); RUNS],
            acknowledged: [false; EVENTS],
            processed: [0; EVENTS],
            refused: [false; EVENTS],
            is_breached: false,
        }
    }

    /// Returns a cell.
    #[must_use]
    pub const fn cell(&self, side: Side) -> &Cell {
        &self.cells[side as usize]
    }

    /// Returns a cell, to change it.
    pub const fn cell_mut(&mut self, side: Side) -> &mut Cell {
        &mut self.cells[side as usize]
    }
}
